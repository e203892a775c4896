// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {WeftTree} from "./WeftTree.sol";

/// @notice A node of a row: its hash, and below it the sum of all cells (64 bits) and how many are not zero (32 bits).
struct RowNode {
    bytes32 hash;
    uint256 sums; // total << 32 | distinct
}

/// @notice A node of a row as it was, and as it is when one cell was changed.
struct RowChange {
    RowNode before;
    RowNode counted;
}

/// @notice A node of another tree as it was, and as it is when one leaf was changed.
struct RootChange {
    bytes32 before;
    bytes32 counted;
}

/// @title MemoryTree
/// @notice Long-term memories: a tree of memories by the first 40 bits of their ids, each a tree of rows by order and
/// context hash, each row a tree over tiles of 64 columns whose nodes carry total and number of non-zero cells. What
/// holds nothing but zeros is the empty leaf of its kind.
/// @dev Openings stand side by side in one byte string, because the words of the ABI would nearly double them. The
/// functions that read one take the calldata offset that it begins at, and return that of what follows. Reading past
/// the end is harmless: whoever gets a known root from what was read has read what was there.
library MemoryTree {
    uint8 internal constant TILE = 0x08;
    uint256 internal constant TILE_COLUMNS = 64;
    uint256 internal constant ROWS_PER_ORDER = 1 << 16;

    /// @notice Adds one to a cell of a tile, modulo 2^32.
    /// @param change Becomes the tile's leaf before and after.
    /// @param cell Which of the 64.
    /// @param cursor Offset of: bit map u64 of the cells that are not zero (bit i is cell i), these cells ascending, u32 each.
    function count(RowChange memory change, uint256 cell, uint256 cursor) internal pure returns (uint256 next) {
        RowNode memory before = change.before;
        RowNode memory counted = change.counted;
        uint256 map;
        uint256 buffer;
        // Assembly, because 256 bytes are put together, hashed, changed in four of them and hashed again, up to 64 times:
        // one buffer past the free memory pointer does for all. Cells are written in ascending order, four bytes and 28
        // zeros each; the buffer has room for the last one's zeros.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            buffer := mload(0x40)
            mstore8(buffer, TILE)
            for { let i := 0 } lt(i, 288) { i := add(i, 32) } { mstore(add(add(buffer, 1), i), 0) }
            map := shr(192, calldataload(cursor))
            next := add(cursor, 8)
            let sums := 0
            for { let i := 0 } lt(i, 64) { i := add(i, 1) } {
                if and(shr(i, map), 1) {
                    let value := shr(224, calldataload(next))
                    next := add(next, 4)
                    mstore(add(add(buffer, 1), shl(2, i)), shl(224, value))
                    sums := add(sums, add(shl(32, value), iszero(iszero(value))))
                }
            }
            mstore(add(before, 0x20), sums)
            mstore(before, keccak256(buffer, 257))
            let place := add(add(buffer, 1), shl(2, cell))
            let word := mload(place)
            let old := shr(224, word)
            let raised := and(add(old, 1), 0xffffffff)
            mstore(place, or(and(word, not(shl(224, 0xffffffff))), shl(224, raised)))
            sums := sub(sums, add(shl(32, old), iszero(iszero(old))))
            mstore(add(counted, 0x20), add(sums, add(shl(32, raised), iszero(iszero(raised)))))
            mstore(counted, keccak256(buffer, 257))
        }
        // Of cells that are all zero there is no leaf.
        if (before.sums == 0) before.hash = WeftTree.emptyLeaf(TILE);
        if (counted.sums == 0) counted.hash = WeftTree.emptyLeaf(TILE);
    }

    /// @notice Goes from a tile up to its row.
    /// @param change A tile's leaf; becomes the row's root.
    /// @param cursor Offset of: bit map u64 of the levels whose sibling is not empty, these siblings from the bottom up, each
    /// hash, total u64 and number u32.
    /// @param empties Roots of empty rows of every height, up to the row's.
    function climbRow(RowChange memory change, uint256 tile, uint256 cursor, bytes32[] memory empties)
        internal
        pure
        returns (uint256 next)
    {
        RowNode memory before = change.before;
        RowNode memory counted = change.counted;
        uint256 map = _bitmap(cursor);
        next = cursor + 8;
        for (uint256 level = 0; level + 1 < empties.length; ++level) {
            RowNode memory beside = RowNode(empties[level], 0);
            if ((map >> level) & 1 == 1) {
                // solhint-disable-next-line no-inline-assembly
                assembly ("memory-safe") {
                    mstore(beside, calldataload(next))
                    mstore(add(beside, 0x20), shr(160, calldataload(add(next, 32))))
                }
                next += 44;
                // SAFETY: what has no cells is empty. So a row without any has the empty row's hash whatever was read, and
                // the leaf of no row cannot stand for another.
                if (beside.sums == 0) beside.hash = empties[level];
            }
            bool isRight = (tile >> level) & 1 == 1;
            before.hash = isRight ? sumNode(beside, before) : sumNode(before, beside);
            counted.hash = isRight ? sumNode(beside, counted) : sumNode(counted, beside);
            before.sums += beside.sums;
            counted.sums += beside.sums;
        }
    }

    /// @notice Root of a whole row, with its sums.
    /// @param row All of its tiles side by side, as `count` reads them; of a row without any cell perhaps nothing.
    /// @return wellFormed Whether the bytes are those of so many tiles, none more.
    function wholeRow(bytes calldata row, uint256 columns)
        internal
        pure
        returns (bool wellFormed, RowNode memory root)
    {
        if (row.length == 0) return (true, root);
        uint256 tiles = 1;
        while (TILE_COLUMNS * tiles < columns) tiles *= 2;
        RowNode[] memory nodes = new RowNode[](tiles);
        uint256 cursor;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            cursor := row.offset
        }
        uint256 end = cursor + row.length;
        for (uint256 i = 0; i < tiles; ++i) {
            RowChange memory change;
            cursor = count(change, 0, cursor);
            nodes[i] = change.before;
        }
        for (; tiles > 1; tiles /= 2) {
            for (uint256 i = 0; i < tiles; i += 2) {
                (RowNode memory left, RowNode memory right) = (nodes[i], nodes[i + 1]);
                nodes[i / 2] = RowNode(sumNode(left, right), left.sums + right.sums);
            }
        }
        return (cursor == end, nodes[0]);
    }

    /// @notice Hash of an inner node of a row.
    function sumNode(RowNode memory left, RowNode memory right) internal pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(0x80 | TILE, left.hash, uint96(left.sums), right.hash, uint96(right.sums))
        );
    }

    /// @notice Leaf of a row in the rows of its memory.
    function rowLeaf(RowNode memory row) internal pure returns (bytes32) {
        if (row.sums == 0) return WeftTree.emptyLeaf(WeftTree.MEMORY_ROWS);
        return WeftTree.leaf(WeftTree.MEMORY_ROWS, abi.encodePacked(row.hash, uint96(row.sums)));
    }

    /// @notice Leaf of a memory among all.
    /// @param rowsRoot Root of its rows; that of no rows is the empty leaf.
    /// @param noRows Root of a tree without any row.
    function memoryLeaf(bytes32 id, bytes32 rowsRoot, bytes32 noRows) internal pure returns (bytes32) {
        if (rowsRoot == noRows) return WeftTree.emptyLeaf(WeftTree.MEMORY);
        return WeftTree.leaf(WeftTree.MEMORY, abi.encodePacked(id, rowsRoot));
    }

    /// @notice Where a memory stands among all.
    function slotOf(bytes32 id) internal pure returns (uint256) {
        return uint256(id) >> 216;
    }

    /// @notice Goes from a leaf up to the root of a tree whose nodes are hashes only.
    /// @param change The leaf; becomes the root.
    /// @param cursor Offset of: bit map u64 of the levels whose sibling is not empty, these siblings from the bottom up.
    /// @param empties Roots of empty trees of every height.
    function climb(uint8 kind, RootChange memory change, uint256 index, uint256 cursor, bytes32[] memory empties)
        internal
        pure
        returns (uint256 next)
    {
        uint256 map = _bitmap(cursor);
        next = cursor + 8;
        for (uint256 level = 0; level + 1 < empties.length; ++level) {
            bytes32 beside = empties[level];
            if ((map >> level) & 1 == 1) {
                // solhint-disable-next-line no-inline-assembly
                assembly ("memory-safe") {
                    beside := calldataload(next)
                }
                next += 32;
            }
            if ((index >> level) & 1 == 1) {
                change.before = WeftTree.node(kind, beside, change.before);
                change.counted = WeftTree.node(kind, beside, change.counted);
            } else {
                change.before = WeftTree.node(kind, change.before, beside);
                change.counted = WeftTree.node(kind, change.counted, beside);
            }
        }
    }

    /// @notice Roots of empty rows of every height, up to that of a row of so many columns.
    function emptyRows(uint256 columns) internal pure returns (bytes32[] memory roots) {
        uint256 height = 0;
        while (TILE_COLUMNS << height < columns) ++height;
        roots = new bytes32[](height + 1);
        roots[0] = WeftTree.emptyLeaf(TILE);
        for (uint256 level = 0; level < height; ++level) {
            RowNode memory below = RowNode(roots[level], 0);
            roots[level + 1] = sumNode(below, below);
        }
    }

    /// @notice Row of a context, 0 to 65535: a hash of the ids from `first` up to `end`, keyed by the salt.
    /// @param order Index into the memory's orders.
    function rowOf(bytes32 salt, uint256 order, uint32[] calldata ids, uint256 first, uint256 end)
        internal
        pure
        returns (uint256)
    {
        uint256 hash = uint32(uint256(salt) >> (224 - 32 * order));
        // Unchecked: products of 32 bits are meant to be cut off, and fit 64.
        unchecked {
            for (uint256 i = first; i < end; ++i) {
                hash = ((hash ^ ids[i]) * 0x9e3779b1) & 0xffffffff;
                hash ^= hash >> 15;
            }
            hash = (hash * 0x85ebca77) & 0xffffffff;
        }
        return (hash ^ (hash >> 13)) >> 16;
    }

    function _bitmap(uint256 cursor) private pure returns (uint256 map) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            map := shr(192, calldataload(cursor))
        }
    }
}
