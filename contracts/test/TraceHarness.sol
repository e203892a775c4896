// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TensorRun, TileAt} from "../interfaces/IInferenceCourt.sol";
import {ModelTiles} from "../libraries/model/ModelTiles.sol";
import {ElementPlace, ElementRead, ModelConstant, ModelOp} from "../libraries/model/ModelTypes.sol";
import {TraceTree} from "../libraries/model/TraceTree.sol";

/// @title TraceHarness
/// @notice Exposes how tensors and constants are opened.
contract TraceHarness {
    function valuesOf(ModelOp memory op, uint256 positions) external pure returns (uint256) {
        return TraceTree.valuesOf(op, positions);
    }

    function indexOf(ModelOp memory op, ElementPlace memory place, uint256 positions, bool alongPositions)
        external
        pure
        returns (uint256)
    {
        return TraceTree.indexOf(op, place, positions, alongPositions);
    }

    function traceRoot(bytes32[] calldata roots) external pure returns (bytes32) {
        return TraceTree.traceRoot(roots);
    }

    function tensorRoot(bytes32[] calldata roots) external pure returns (bytes32) {
        return TraceTree.tensorRoot(roots);
    }

    function groupRoot(bytes calldata values) external pure returns (bytes32) {
        return TraceTree.groupRoot(values);
    }

    function read(bytes32 trace, uint256 number, uint256 values, uint256 first, uint256 count, TensorRun calldata run)
        external
        pure
        returns (bytes memory)
    {
        return TraceTree.read(trace, number, values, first, count, run);
    }

    function readConstant(
        bytes32 root,
        ModelConstant memory constant_,
        ElementRead memory what,
        TileAt[] calldata tiles
    ) external pure returns (bytes memory) {
        return ModelTiles.read(root, constant_, what, tiles);
    }

    function tilesOf(ModelConstant memory constant_, ElementRead memory what)
        external
        pure
        returns (uint256 first, uint256 count)
    {
        return ModelTiles.tilesOf(constant_, what);
    }
}
