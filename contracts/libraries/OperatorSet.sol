// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title OperatorSet
/// @notice The staked signers that count: one word `signer << 96 | stake` each, strictly ascending by signer.
/// @dev Only the hash of the words is stored; whoever needs the members passes them in calldata. The list is short (at
/// most 128) and changes seldom, so insertion and removal shift words in memory.
library OperatorSet {
    /// @notice The signer is a member already.
    error OperatorSetDuplicateSigner(address signer);
    /// @notice The signer is not a member.
    error OperatorSetUnknownSigner(address signer);

    /// @notice The word of one member; stake in the smallest unit of the stake token.
    function word(address signer, uint96 stake) internal pure returns (uint256) {
        return (uint256(uint160(signer)) << 96) | stake;
    }

    /// @notice Signer of a member.
    function signerOf(uint256 member) internal pure returns (address) {
        return address(uint160(member >> 96));
    }

    /// @notice Stake of a member.
    function stakeOf(uint256 member) internal pure returns (uint256) {
        return member & type(uint96).max;
    }

    /// @notice Hash of the concatenated words; of no words, the hash of no bytes.
    function hash(uint256[] memory set) internal pure returns (bytes32 digest) {
        // The words of a memory array lie side by side, so they are hashed in place instead of being copied first.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            digest := keccak256(add(set, 0x20), shl(5, mload(set)))
        }
    }

    /// @notice A copy of the first `length` members with room for `room` more.
    function copy(uint256[] memory set, uint256 length, uint256 room) internal pure returns (uint256[] memory grown) {
        grown = new uint256[](length + room);
        for (uint256 i = 0; i < length; ++i) {
            grown[i] = set[i];
        }
    }

    /// @notice Inserts a member among the first `length` words, of which the array must have one more.
    function insert(uint256[] memory set, uint256 length, uint256 member) internal pure {
        uint256 slot = length;
        while (slot > 0 && set[slot - 1] >> 96 >= member >> 96) {
            if (set[slot - 1] >> 96 == member >> 96) revert OperatorSetDuplicateSigner(signerOf(member));
            set[slot] = set[slot - 1];
            --slot;
        }
        set[slot] = member;
    }

    /// @notice Removes a member from the first `length` words and returns its word.
    function remove(uint256[] memory set, uint256 length, address signer) internal pure returns (uint256 removed) {
        uint256 slot = 0;
        while (slot < length && signerOf(set[slot]) != signer) ++slot;
        if (slot == length) revert OperatorSetUnknownSigner(signer);
        removed = set[slot];
        for (uint256 i = slot + 1; i < length; ++i) {
            set[i - 1] = set[i];
        }
    }
}
