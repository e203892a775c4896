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
}
