// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SumNode} from "../interfaces/IAvailabilityCourt.sol";
import {MemoryDefinition} from "./MemoryDefinition.sol";

/// @title RowTree
/// @notice One row of a memory: a tree over tiles of 64 cells, whose nodes carry the sum of the cells below them and how
/// many are not zero. It is as deep as its columns need.
library RowTree {
    uint8 internal constant TILE = 0x08;
    uint256 internal constant TILE_BYTES = 256;
    uint256 private constant TILE_COLUMNS = 64;

    /// @notice Depth of the rows of a memory, by its definition.
    function depthOf(bytes calldata definition) internal pure returns (uint8 depth) {
        uint256 columns = MemoryDefinition.columns(definition);
        while (TILE_COLUMNS << depth < columns) ++depth;
    }

    /// @notice Root of the row that has these 64 cells at `tile`, with what stands beside their path.
    function rootOf(bytes calldata cells, uint256 tile, SumNode[] calldata siblings) internal pure returns (bytes32) {
        SumNode memory node = _leaf(cells);
        for (uint256 level = 0; level < siblings.length; ++level) {
            SumNode memory beside = siblings[level];
            bool isRight = (tile >> level) & 1 == 1;
            node = SumNode(
                isRight ? _hash(beside, node) : _hash(node, beside),
                node.total + beside.total,
                node.distinct + beside.distinct
            );
        }
        return node.hash;
    }

    /// @dev A tile without any cell is the empty leaf.
    function _leaf(bytes calldata cells) private pure returns (SumNode memory node) {
        for (uint256 i = 0; i < cells.length; i += 4) {
            uint32 cell = uint32(bytes4(cells[i:i + 4]));
            node.total += cell;
            if (cell > 0) ++node.distinct;
        }
        node.hash = node.distinct == 0 ? keccak256(abi.encodePacked(TILE)) : keccak256(abi.encodePacked(TILE, cells));
    }

    function _hash(SumNode memory left, SumNode memory right) private pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                0x80 | TILE, left.hash, left.total, left.distinct, right.hash, right.total, right.distinct
            )
        );
    }
}
