// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {WeftTree} from "./WeftTree.sol";

/// @title ContextTree
/// @notice The append-only tree over the token ids of a conversation from its beginning; the index is the position.
library ContextTree {
    /// @notice Leaf of one token id.
    function leaf(uint32 token) internal pure returns (bytes32) {
        return WeftTree.leaf(WeftTree.CONTEXT, abi.encodePacked(token));
    }

    /// @notice Whether the conversation with this context root has `token` at exactly `position`.
    function verify(bytes32 root, uint32 position, uint32 token, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        return WeftTree.verify(WeftTree.CONTEXT, root, leaf(token), position, proof);
    }

    /// @notice Whether the conversation with this context root has `tokens` at exactly the positions from `first` on.
    /// @param siblings What stands beside the range, level by level from the bottom up, left before right.
    /// @return Yes only if so; a wrong shape is answered with no.
    function verifyRange(bytes32 root, uint256 first, uint32[] calldata tokens, bytes32[] calldata siblings)
        internal
        pure
        returns (bool)
    {
        if (root == 0 || tokens.length == 0) return false;
        uint256 last = first + tokens.length - 1;
        if (last >> WeftTree.CONTEXT_DEPTH != 0) return false;
        bytes32[] memory nodes = new bytes32[](tokens.length);
        for (uint256 i = 0; i < tokens.length; ++i) {
            nodes[i] = leaf(tokens[i]);
        }
        uint256 used = 0;
        for (uint256 level = 0; level < WeftTree.CONTEXT_DEPTH; ++level) {
            bytes32 left;
            bytes32 right;
            if (used + first % 2 + (last + 1) % 2 > siblings.length) return false;
            if (first % 2 == 1) left = siblings[used++];
            if (last % 2 == 0) right = siblings[used++];
            _raise(nodes, first, last, left, right);
            first /= 2;
            last /= 2;
        }
        return used == siblings.length && nodes[0] == root;
    }

    /// @dev Writes the nodes above a range over it; of the range nothing is overwritten before it was read.
    /// @param left What stands before the range, where it begins with a right child.
    /// @param right What stands after it, where it ends with a left child.
    function _raise(bytes32[] memory nodes, uint256 first, uint256 last, bytes32 left, bytes32 right) private pure {
        for (uint256 i = first / 2; i <= last / 2; ++i) {
            nodes[i - first / 2] = WeftTree.node(
                WeftTree.CONTEXT,
                2 * i < first ? left : nodes[2 * i - first],
                2 * i + 1 > last ? right : nodes[2 * i + 1 - first]
            );
        }
    }
}
