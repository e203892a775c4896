// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {RowNode} from "../libraries/MemoryTree.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Grove, Leaf} from "./Grove.sol";

/// @notice A row with all of its cells; as many as whole tiles of 64 have.
struct MatrixRow {
    uint256 place; // index of the order times 65536, plus the context's hash
    uint32[] cells;
    bytes32 leaf; // of these cells, in the tree of rows
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
        grown[index] = MatrixRow(place, new uint32[](TILE << depthOf(columns)), keccak256(hex"07"));
    }

    /// @notice Changes a cell.
    function put(MatrixRow memory row, uint256 column, uint32 count) internal pure {
        row.cells[column] = count;
        RowNode memory node = rowOf(row);
        row.leaf = keccak256(
            node.sums == 0 ? bytes(hex"07") : abi.encodePacked(uint8(0x07), node.hash, uint96(node.sums))
        );
    }

    /// @notice A node of a row: at level 0 its tiles.
    function nodeAt(uint32[] memory cells, uint256 level, uint256 index) internal pure returns (RowNode memory node) {
        if (level > 0) {
            RowNode memory left = nodeAt(cells, level - 1, 2 * index);
            RowNode memory right = nodeAt(cells, level - 1, 2 * index + 1);
            bytes memory both = abi.encodePacked(left.hash, uint96(left.sums), right.hash, uint96(right.sums));
            return RowNode(keccak256(abi.encodePacked(uint8(0x88), both)), left.sums + right.sums);
        }
        uint256[8] memory words; // eight cells each
        for (uint256 i = 0; i < TILE; ++i) {
            uint256 cell = cells[TILE * index + i];
            words[i / 8] = words[i / 8] << 32 | cell;
            if (cell > 0) node.sums += (cell << 32) + 1;
        }
        node.hash = keccak256(node.sums == 0 ? bytes(hex"08") : abi.encodePacked(uint8(0x08), words));
    }

    function rowOf(MatrixRow memory row) internal pure returns (RowNode memory) {
        return nodeAt(row.cells, depthOf(row.cells.length), 0);
    }

    function leaves(MatrixRow[] memory rows) internal pure returns (Leaf[] memory found) {
        found = new Leaf[](rows.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            found[i] = Leaf(rows[i].place, rows[i].leaf);
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
