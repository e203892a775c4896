// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IInferenceCourt, TensorRun, TileAt} from "../../interfaces/IInferenceCourt.sol";
import {WeftTree} from "../WeftTree.sol";
import {ElementReads} from "./ElementReads.sol";
import {ModelReader} from "./ModelReader.sol";
import {ElementPlace, ModelOp} from "./ModelTypes.sol";
import {Operands} from "./Operands.sol";

/// @title TraceTree
/// @notice How the tensors of a forward pass are laid out and hashed: values int32 big endian, 256 to a tile, 16 tiles to a
/// group; a tree over the tiles of a group, over the groups of a tensor, and over the tensors.
library TraceTree {
    uint256 internal constant GROUP_TILES = 1 << ModelReader.GROUP_DEPTH;
    uint256 internal constant GROUP_VALUES = GROUP_TILES * ModelReader.PART;
    uint256 private constant TILE_BYTES = ModelReader.PART * Operands.TENSOR;

    /// @notice How many values each tensor of an operation has.
    function valuesOf(ModelOp memory op, uint256 positions) internal pure returns (uint256) {
        (, uint256 parts, uint256 columns) = ElementReads.shapeOf(op, positions);
        return positions * parts * columns;
    }

    /// @notice Where an element stands among the values of its head's tensor.
    /// @param alongPositions Whether values of one column lie side by side: those that are summed up over positions.
    function indexOf(ModelOp memory op, ElementPlace memory place, uint256 positions, bool alongPositions)
        internal
        pure
        returns (uint256)
    {
        if (alongPositions) return place.column * positions + place.position;
        (, uint256 parts, uint256 columns) = ElementReads.shapeOf(op, positions);
        return (place.position * columns + place.column) * parts + place.part;
    }

    /// @notice Into how many groups so many values are cut.
    function groupsOf(uint256 values) internal pure returns (uint256) {
        return (values + GROUP_VALUES - 1) / GROUP_VALUES;
    }

    /// @notice Root over the roots of all tensors.
    function traceRoot(bytes32[] calldata tensorRoots) internal pure returns (bytes32) {
        return _listRoot(ModelReader.TRACE, ModelReader.TRACE_DEPTH, _leaves(ModelReader.TRACE, tensorRoots));
    }

    /// @notice Root over the roots of all groups of a tensor.
    function tensorRoot(bytes32[] calldata groupRoots) internal pure returns (bytes32) {
        return _listRoot(ModelReader.TENSOR, ModelReader.TENSOR_DEPTH, _leaves(ModelReader.TENSOR, groupRoots));
    }

    /// @notice Root over the tiles of a group.
    /// @param values All of them, at most 4,096.
    function groupRoot(bytes calldata values) internal pure returns (bytes32) {
        bytes32[] memory leaves = new bytes32[]((values.length + TILE_BYTES - 1) / TILE_BYTES);
        for (uint256 i = 0; i < leaves.length; ++i) {
            uint256 end = (i + 1) * TILE_BYTES;
            leaves[i] = WeftTree.leaf(
                ModelReader.GROUP, values[i * TILE_BYTES:end < values.length ? end : values.length]
            );
        }
        return _listRoot(ModelReader.GROUP, ModelReader.GROUP_DEPTH, leaves);
    }

    /// @notice Root of the tensor that has a group at an index.
    /// @param proof 9 siblings from the bottom up.
    function tensorOf(bytes32 group, uint256 index, bytes32[] calldata proof) internal pure returns (bytes32) {
        bytes32 leaf = WeftTree.leaf(ModelReader.TENSOR, abi.encodePacked(group));
        return WeftTree.rootOf(ModelReader.TENSOR, ModelReader.TENSOR_DEPTH, leaf, index, proof);
    }

    /// @notice Root of the trace that has a tensor at an index.
    /// @param proof 11 siblings from the bottom up.
    function traceOf(bytes32 tensor, uint256 index, bytes32[] calldata proof) internal pure returns (bytes32) {
        bytes32 leaf = WeftTree.leaf(ModelReader.TRACE, abi.encodePacked(tensor));
        return WeftTree.rootOf(ModelReader.TRACE, ModelReader.TRACE_DEPTH, leaf, index, proof);
    }

    /// @notice Root of the trace that has a group of a tensor.
    /// @param values Of the group.
    /// @param proof 9 and 11 siblings from the bottom up.
    function rootOfGroup(bytes calldata values, uint256 group, uint256 tensor, bytes32[] calldata proof)
        internal
        pure
        returns (bytes32)
    {
        _require(proof.length == ModelReader.TENSOR_DEPTH + ModelReader.TRACE_DEPTH, "group proof");
        bytes32 root = tensorOf(groupRoot(values), group, proof[:ModelReader.TENSOR_DEPTH]);
        return traceOf(root, tensor, proof[ModelReader.TENSOR_DEPTH:]);
    }

    /// @notice Consecutive values of a tensor. Reverts with `InferenceCourtNotProven` or errors of `WeftTree`.
    /// @param trace Root that the tensor is under.
    /// @param number Of the tensor.
    /// @param values How many it has.
    function read(bytes32 trace, uint256 number, uint256 values, uint256 first, uint256 count, TensorRun calldata run)
        internal
        pure
        returns (bytes memory found)
    {
        uint256 tile = first / ModelReader.PART;
        bool fits = count > 0 && first + count <= values
            && run.tiles.length == (first + count - 1) / ModelReader.PART - tile + 1;
        _require(fits, "run");
        found = new bytes(count * Operands.TENSOR);
        uint256 offset = first % ModelReader.PART * Operands.TENSOR;
        bytes32 root = _tensorOfTile(run.tiles[0], tile, values);
        uint256 length = append(found, 0, run.tiles[0].values, offset);
        for (uint256 i = 1; i < run.tiles.length; ++i) {
            _require(_tensorOfTile(run.tiles[i], tile + i, values) == root, "tile");
            length = append(found, length, run.tiles[i].values, 0);
        }
        _require(traceOf(root, number, run.proof) == trace, "tensor");
    }

    /// @notice Appends a tile's bytes from an offset on to what was found before, as many as there is room for.
    /// @param length How much was found before; in bytes.
    /// @return How much is found then.
    function append(bytes memory found, uint256 length, bytes calldata tile, uint256 offset)
        internal
        pure
        returns (uint256)
    {
        uint256 room = found.length - length;
        bytes calldata part = tile[offset:offset + room < tile.length ? offset + room : tile.length];
        // Assembly, because there is no other copy into the middle of memory; of the part there is no more than room.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            calldatacopy(add(add(found, 32), length), part.offset, part.length)
        }
        return length + part.length;
    }

    /// @dev Root of the tensor that the tile is in.
    function _tensorOfTile(TileAt calldata tile, uint256 number, uint256 values) private pure returns (bytes32) {
        uint256 left = values - number * ModelReader.PART;
        uint256 length = (left < ModelReader.PART ? left : ModelReader.PART) * Operands.TENSOR;
        _require(tile.values.length == length, "tile length");
        _require(tile.proof.length == ModelReader.GROUP_DEPTH + ModelReader.TENSOR_DEPTH, "tile proof");
        bytes32 group = WeftTree.rootOf(
            ModelReader.GROUP,
            ModelReader.GROUP_DEPTH,
            WeftTree.leaf(ModelReader.GROUP, tile.values),
            number % GROUP_TILES,
            tile.proof[:ModelReader.GROUP_DEPTH]
        );
        return tensorOf(group, number / GROUP_TILES, tile.proof[ModelReader.GROUP_DEPTH:]);
    }

    function _leaves(uint8 kind, bytes32[] calldata roots) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](roots.length);
        // Assembly, because up to 2,048 of them are hashed: one buffer past the free memory pointer does for all.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore8(buffer, kind)
            for { let i := 0 } lt(i, roots.length) { i := add(i, 1) } {
                mstore(add(buffer, 1), calldataload(add(roots.offset, shl(5, i))))
                mstore(add(leaves, shl(5, add(i, 1))), keccak256(buffer, 33))
            }
        }
    }

    /// @dev Root over leaves that stand side by side from the first place on; writes over them.
    function _listRoot(uint8 kind, uint256 depth, bytes32[] memory nodes) private pure returns (bytes32 root) {
        uint256 count = nodes.length;
        _require(count <= 1 << depth, "count");
        bytes32 empty = WeftTree.emptyLeaf(kind);
        // Assembly, for the same reason. A node is written where its left child was, or before it, when both were read.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            let first := add(nodes, 32)
            mstore8(buffer, or(0x80, kind))
            for { let level := 0 } lt(level, depth) { level := add(level, 1) } {
                for { let i := 0 } lt(i, count) { i := add(i, 2) } {
                    mstore(add(buffer, 1), mload(add(first, shl(5, i))))
                    mstore(add(buffer, 33), empty)
                    if lt(add(i, 1), count) { mstore(add(buffer, 33), mload(add(first, shl(5, add(i, 1))))) }
                    mstore(add(first, shl(4, i)), keccak256(buffer, 65))
                }
                count := shr(1, add(count, 1))
                mstore(add(buffer, 1), empty)
                mstore(add(buffer, 33), empty)
                empty := keccak256(buffer, 65)
            }
            root := empty
            if count { root := mload(first) }
        }
    }

    function _require(bool holds, string memory part) private pure {
        if (!holds) revert IInferenceCourt.InferenceCourtNotProven(part);
    }
}
