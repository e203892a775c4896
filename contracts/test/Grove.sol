// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ContextTree} from "../libraries/ContextTree.sol";
import {WeftTree} from "../libraries/WeftTree.sol";

/// @notice A leaf of a tree at its place.
struct Leaf {
    uint256 place;
    bytes32 hash;
}

/// @notice Trees with few leaves, built the obvious way, so that tests can open them anywhere.
library Grove {
    function root(uint8 kind, Leaf[] memory leaves) internal pure returns (bytes32) {
        return nodeAt(kind, leaves, WeftTree.depthOf(kind), 0);
    }

    /// @notice Siblings of a place, from the bottom up.
    function path(uint8 kind, Leaf[] memory leaves, uint256 index) internal pure returns (bytes32[] memory siblings) {
        bytes32[] memory empties = WeftTree.emptyRoots(kind);
        siblings = new bytes32[](empties.length - 1);
        for (uint256 level = 0; level < siblings.length; ++level) {
            siblings[level] = _nodeAt(kind, leaves, empties, level, (index >> level) ^ 1);
        }
    }

    function nodeAt(uint8 kind, Leaf[] memory leaves, uint256 level, uint256 index) internal pure returns (bytes32) {
        return _nodeAt(kind, leaves, WeftTree.emptyRoots(kind), level, index);
    }

    /// @notice What stands beside a path, as `MemoryTree.climb` reads it.
    function opening(uint8 kind, Leaf[] memory leaves, uint256 index) internal pure returns (bytes memory) {
        bytes32[] memory empties = WeftTree.emptyRoots(kind);
        bytes32[] memory siblings = path(kind, leaves, index);
        uint64 map = 0;
        bytes memory there = "";
        for (uint256 level = 0; level < siblings.length; ++level) {
            if (siblings[level] == empties[level]) continue;
            map |= uint64(1 << level);
            there = bytes.concat(there, siblings[level]);
        }
        return abi.encodePacked(map, there);
    }

    /// @notice Leaves one after the other from the first place on.
    function row(bytes32[] memory hashes) internal pure returns (Leaf[] memory leaves) {
        leaves = new Leaf[](hashes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            leaves[i] = Leaf(i, hashes[i]);
        }
    }

    function only(bytes32 hash) internal pure returns (Leaf[] memory leaves) {
        leaves = new Leaf[](1);
        leaves[0] = Leaf(0, hash);
    }

    /// @notice A context of tokens.
    function context(uint32[] memory ids) internal pure returns (Leaf[] memory leaves) {
        leaves = new Leaf[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            leaves[i] = Leaf(i, ContextTree.leaf(ids[i]));
        }
    }

    function contextRoot(uint32[] memory ids) internal pure returns (bytes32) {
        return root(WeftTree.CONTEXT, context(ids));
    }

    /// @notice Roots of the full subtrees of a context, largest first.
    function peaks(uint32[] memory ids) internal pure returns (bytes32[] memory found) {
        found = new bytes32[](0);
        for (uint256 height = WeftTree.CONTEXT_DEPTH; height > 0; --height) {
            uint256 level = height - 1;
            if ((ids.length >> level) & 1 == 0) continue;
            uint256 index = (ids.length >> level) - 1;
            bytes32[] memory grown = new bytes32[](found.length + 1);
            for (uint256 i = 0; i < found.length; ++i) {
                grown[i] = found[i];
            }
            grown[found.length] = nodeAt(WeftTree.CONTEXT, context(ids), level, index);
            found = grown;
        }
    }

    /// @notice What stands beside a range of a context, level by level from the bottom up, left before right.
    function beside(uint32[] memory ids, uint256 first, uint256 last) internal pure returns (bytes32[] memory found) {
        bytes32[] memory room = new bytes32[](2 * WeftTree.CONTEXT_DEPTH);
        uint256 used = 0;
        for (uint256 level = 0; level < WeftTree.CONTEXT_DEPTH; ++level) {
            if (first % 2 == 1) room[used++] = nodeAt(WeftTree.CONTEXT, context(ids), level, first - 1);
            if (last % 2 == 0) room[used++] = nodeAt(WeftTree.CONTEXT, context(ids), level, last + 1);
            first /= 2;
            last /= 2;
        }
        found = new bytes32[](used);
        for (uint256 i = 0; i < used; ++i) {
            found[i] = room[i];
        }
    }

    function _nodeAt(uint8 kind, Leaf[] memory leaves, bytes32[] memory empties, uint256 level, uint256 index)
        private
        pure
        returns (bytes32)
    {
        bool isEmpty = true;
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (leaves[i].place >> level != index) continue;
            if (level == 0) return leaves[i].hash;
            isEmpty = false;
        }
        if (isEmpty) return empties[level];
        return WeftTree.node(
            kind,
            _nodeAt(kind, leaves, empties, level - 1, 2 * index),
            _nodeAt(kind, leaves, empties, level - 1, 2 * index + 1)
        );
    }
}
