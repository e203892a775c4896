// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Trees over leaves that stand side by side from the first place on, built the obvious way.
library Lists {
    function rootOf(uint8 kind, uint256 depth, bytes32[] memory leaves) internal pure returns (bytes32) {
        bytes32 empty = keccak256(abi.encodePacked(kind));
        for (uint256 level = 0; level < depth; ++level) {
            (leaves, empty) = _raised(kind, leaves, empty);
        }
        return leaves.length == 0 ? empty : leaves[0];
    }

    /// @notice Siblings of a place, from the bottom up.
    function pathOf(uint8 kind, uint256 depth, bytes32[] memory leaves, uint256 index)
        internal
        pure
        returns (bytes32[] memory siblings)
    {
        siblings = new bytes32[](depth);
        bytes32 empty = keccak256(abi.encodePacked(kind));
        for (uint256 level = 0; level < depth; ++level) {
            uint256 beside = (index >> level) ^ 1;
            siblings[level] = beside < leaves.length ? leaves[beside] : empty;
            (leaves, empty) = _raised(kind, leaves, empty);
        }
    }

    function joined(bytes32[] memory a, bytes32[] memory b) internal pure returns (bytes32[] memory both) {
        both = new bytes32[](a.length + b.length);
        for (uint256 i = 0; i < both.length; ++i) {
            both[i] = i < a.length ? a[i] : b[i - a.length];
        }
    }

    function alone(bytes32 hash) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](1);
        hashes[0] = hash;
    }

    function leaf(uint8 kind, bytes memory data) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(kind, data));
    }

    /// @notice Bytes from an index up to another, or to their end.
    function cut(bytes memory all, uint256 from, uint256 to) internal pure returns (bytes memory part) {
        if (to > all.length) to = all.length;
        part = new bytes(to - from);
        for (uint256 i = from; i < to; ++i) {
            part[i - from] = all[i];
        }
    }

    function _raised(uint8 kind, bytes32[] memory nodes, bytes32 empty)
        private
        pure
        returns (bytes32[] memory above, bytes32 emptyAbove)
    {
        above = new bytes32[]((nodes.length + 1) / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            bytes32 right = 2 * i + 1 < nodes.length ? nodes[2 * i + 1] : empty;
            above[i] = keccak256(abi.encodePacked(0x80 | kind, nodes[2 * i], right));
        }
        emptyAbove = keccak256(abi.encodePacked(0x80 | kind, empty, empty));
    }
}
