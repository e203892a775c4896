// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Staircase
/// @notice Steps of (key, value) with strictly ascending keys, in which a new step replaces all that do not stand below
/// it. Finding and adding cost logarithmically many reads, however many steps are replaced.
library Staircase {
    /// @dev Words beyond `length` are left over from replaced steps and mean nothing.
    struct Steps {
        uint256 length;
        mapping(uint256 index => uint256 word) words; // `key | value << 64`
    }

    /// @notice The step with the greatest key up to `key`; zeros where there is none, so keys begin at 1.
    function find(Steps storage steps, uint64 key) internal view returns (uint64 foundKey, uint64 value) {
        uint256 count = _countUpTo(steps, key);
        if (count == 0) return (0, 0);
        uint256 word = steps.words[count - 1];
        // The casts cut the word into its two halves.
        return (uint64(word), uint64(word >> 64));
    }

    /// @notice Adds a step; those with the same or a greater key are gone.
    function put(Steps storage steps, uint64 key, uint64 value) internal {
        uint256 index = _countUpTo(steps, key - 1);
        steps.words[index] = uint256(key) | uint256(value) << 64;
        steps.length = index + 1;
    }

    function _countUpTo(Steps storage steps, uint64 key) private view returns (uint256 low) {
        uint256 high = steps.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (uint64(steps.words[middle]) <= key) low = middle + 1;
            else high = middle;
        }
    }
}
