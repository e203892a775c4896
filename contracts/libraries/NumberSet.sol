// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title NumberSet
/// @notice A set of 32-bit numbers that knows its least member, and forgets all from a number on, at a cost that does
/// not depend on how many there are.
/// @dev A tree of words of 256 bits in four levels: a bit says whether the word below it has members. A word counts only
/// while the bit above it is set, so `cut` clears one path and leaves the rest behind, unreachable.
library NumberSet {
    uint256 private constant TOP = 3;

    struct Set {
        mapping(uint256 key => uint256 bits) words;
    }

    /// @notice Adds a number, which may be there already.
    function insert(Set storage set, uint32 number) internal {
        bool counts = true;
        for (uint256 depth = 0; depth <= TOP; ++depth) {
            (uint256 key, uint256 bit) = _place(number, TOP - depth);
            uint256 word = counts ? set.words[key] : 0;
            set.words[key] = word | bit;
            counts = word & bit != 0;
        }
    }

    /// @notice Takes a number out, which must be there.
    function remove(Set storage set, uint32 number) internal {
        for (uint256 level = 0; level <= TOP; ++level) {
            (uint256 key, uint256 bit) = _place(number, level);
            uint256 word = set.words[key] & ~bit;
            set.words[key] = word;
            if (word != 0) return;
        }
    }

    /// @notice Takes out every number that is not below `from`.
    function cut(Set storage set, uint32 from) internal {
        uint256 lowest = TOP; // the last level on the path whose word counts
        while (lowest > 0) {
            (uint256 key, uint256 bit) = _place(from, lowest);
            if (set.words[key] & bit == 0) break;
            --lowest;
        }
        bool below = false; // whether the word below keeps members
        for (uint256 level = lowest; level <= TOP; ++level) {
            (uint256 key, uint256 bit) = _place(from, level);
            uint256 word = set.words[key] & (bit - 1);
            if (below) word |= bit;
            set.words[key] = word;
            below = word != 0;
        }
    }

    /// @notice The least member.
    function least(Set storage set) internal view returns (bool found, uint32 number) {
        uint256 prefix = 0;
        for (uint256 depth = 0; depth <= TOP; ++depth) {
            uint256 word = set.words[(TOP - depth) << 32 | prefix];
            if (word == 0) return (false, 0);
            prefix = prefix << 8 | _lowestBit(word);
        }
        return (true, uint32(prefix)); // four times eight bits
    }

    function _place(uint32 number, uint256 level) private pure returns (uint256 key, uint256 bit) {
        key = level << 32 | uint256(number) >> (8 * (level + 1));
        bit = 1 << ((number >> (8 * level)) & 0xff);
    }

    /// @dev `word` is not zero.
    function _lowestBit(uint256 word) private pure returns (uint256 index) {
        for (uint256 width = 128; width > 0; width >>= 1) {
            if (word & ((1 << width) - 1) == 0) {
                word >>= width;
                index += width;
            }
        }
    }
}
