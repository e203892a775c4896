// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {RowNode} from "../libraries/MemoryTree.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Grove, Leaf} from "./Grove.sol";

/// @notice A row with all of its cells; as many as whole tiles of 64 have.
struct MatrixRow {
    uint256 place; // index of the order times 65536, plus the context's hash
    uint32[] cells;
}

/// @notice Memories with few rows, built the obvious way, and openings of their cells.
library Matrix {
    uint256 private constant TILE = 64;

    /// @notice Tiles of a row of so many columns, as a power of two.
    function depthOf(uint256 columns) internal pure returns (uint256 depth) {
        while (TILE << depth < columns) ++depth;
    }

    /// @notice Index of the row at a place, which is added where it is missing.
    function indexOf(MatrixRow[] memory rows, uint256 place, uint256 columns)
        internal
        pure
        returns (MatrixRow[] memory grown, uint256 index)
    {
        for (; index < rows.length; ++index) {
            if (rows[index].place == place) return (rows, index);
        }
        grown = new MatrixRow[](rows.length + 1);
        for (uint256 i = 0; i < rows.length; ++i) {
            grown[i] = rows[i];
        }
        grown[index] = MatrixRow(place, new uint32[](TILE << depthOf(columns)));
    }

    /// @notice A node of a row: at level 0 its tiles.
    function nodeAt(uint32[] memory cells, uint256 level, uint256 index) internal pure returns (RowNode memory node) {
        if (level > 0) {
            RowNode memory left = nodeAt(cells, level - 1, 2 * index);
            RowNode memory right = nodeAt(cells, level - 1, 2 * index + 1);
            bytes memory both = abi.encodePacked(left.hash, uint96(left.sums), right.hash, uint96(right.sums));
            return RowNode(keccak256(abi.encodePacked(uint8(0x88), both)), left.sums + right.sums);
        }
        bytes memory data = hex"08";
        for (uint256 i = TILE * index; i < TILE * (index + 1); ++i) {
            data = bytes.concat(data, bytes4(cells[i]));
            if (cells[i] > 0) node.sums += (uint256(cells[i]) << 32) + 1;
        }
        node.hash = keccak256(node.sums == 0 ? bytes(hex"08") : data);
    }

    function rowOf(MatrixRow memory row) internal pure returns (RowNode memory) {
        return nodeAt(row.cells, depthOf(row.cells.length), 0);
    }

    /// @notice Leaves of the rows that are there.
    function leaves(MatrixRow[] memory rows) internal pure returns (Leaf[] memory found) {
        found = new Leaf[](rows.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            RowNode memory node = rowOf(rows[i]);
            bytes32 leaf = keccak256(abi.encodePacked(uint8(0x07), node.hash, uint96(node.sums)));
            found[i] = Leaf(rows[i].place, node.sums == 0 ? keccak256(hex"07") : leaf);
        }
    }

    function rootOf(MatrixRow[] memory rows) internal pure returns (bytes32) {
        return Grove.root(WeftTree.MEMORY_ROWS, leaves(rows));
    }

    /// @notice Opening of one cell: its tile, what stands beside the tile's path, and beside the row's.
    function opening(MatrixRow[] memory rows, uint256 index, uint256 column) internal pure returns (bytes memory) {
        uint32[] memory cells = rows[index].cells;
        return bytes.concat(
            tile(cells, column / TILE),
            besideTile(cells, column / TILE),
            Grove.opening(WeftTree.MEMORY_ROWS, leaves(rows), rows[index].place)
        );
    }

    /// @notice Which cells of a tile are not zero, and these.
    function tile(uint32[] memory cells, uint256 index) internal pure returns (bytes memory) {
        uint64 map = 0;
        bytes memory there = "";
        for (uint256 i = 0; i < TILE; ++i) {
            uint32 cell = cells[TILE * index + i];
            if (cell == 0) continue;
            map |= uint64(1 << i);
            there = bytes.concat(there, bytes4(cell));
        }
        return abi.encodePacked(map, there);
    }

    function besideTile(uint32[] memory cells, uint256 index) internal pure returns (bytes memory) {
        uint64 map = 0;
        bytes memory there = "";
        for (uint256 level = 0; TILE << level < cells.length; ++level) {
            RowNode memory node = nodeAt(cells, level, (index >> level) ^ 1);
            if (node.sums == 0) continue;
            map |= uint64(1 << level);
            there = abi.encodePacked(there, node.hash, uint96(node.sums));
        }
        return abi.encodePacked(map, there);
    }
}
