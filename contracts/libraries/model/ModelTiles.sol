// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IInferenceCourt, TileAt} from "../../interfaces/IInferenceCourt.sol";
import {WeftTree} from "../WeftTree.sol";
import {ModelReader} from "./ModelReader.sol";
import {ElementRead, ModelConstant} from "./ModelTypes.sol";
import {TraceTree} from "./TraceTree.sol";

/// @title ModelTiles
/// @notice Values of a model's constants, from the tiles that its manifest commits to.
/// @dev SAFETY: all constants share one tree, so what is read past the end of one would be the next one's.
library ModelTiles {
    /// @notice Which tiles have what is read. Reverts with `InferenceCourtNotProven` where the constant has no such values.
    function tilesOf(ModelConstant memory constant_, ElementRead memory what)
        internal
        pure
        returns (uint256 first, uint256 count)
    {
        uint256 row = what.first.position;
        uint256 column = what.first.column;
        bool isThere = what.width == constant_.width && what.count > 0 && row < constant_.rows
            && column + what.count <= constant_.columns;
        _require(isThere, "constant");
        uint256 perRow = (constant_.columns + ModelReader.PART - 1) / ModelReader.PART;
        first = column / ModelReader.PART;
        count = (column + what.count - 1) / ModelReader.PART - first + 1;
        first += constant_.firstTile + row * perRow;
    }

    /// @notice The values that are read.
    /// @param root Over all tiles of the model.
    function read(bytes32 root, ModelConstant memory constant_, ElementRead memory what, TileAt[] calldata tiles)
        internal
        pure
        returns (bytes memory found)
    {
        (uint256 number, uint256 count) = tilesOf(constant_, what);
        _require(tiles.length == count, "tiles");
        found = new bytes(what.count * what.width);
        uint256 offset = what.first.column % ModelReader.PART * what.width;
        uint256 length = 0;
        for (uint256 i = 0; i < count; ++i) {
            bytes32 leaf = WeftTree.leaf(ModelReader.TILES, tiles[i].values);
            _require(_rootOf(leaf, number + i, tiles[i].proof) == root, "tile");
            length = TraceTree.append(found, length, tiles[i].values, i == 0 ? offset : 0);
        }
    }

    function _rootOf(bytes32 leaf, uint256 number, bytes32[] calldata proof) private pure returns (bytes32) {
        return WeftTree.rootOf(ModelReader.TILES, ModelReader.TILES_DEPTH, leaf, number, proof);
    }

    function _require(bool holds, string memory part) private pure {
        if (!holds) revert IInferenceCourt.InferenceCourtNotProven(part);
    }
}
