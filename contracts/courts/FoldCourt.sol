// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {FoldProof, IFoldCourt, TraceEntry} from "../interfaces/IFoldCourt.sol";
import {ContextTree} from "../libraries/ContextTree.sol";
import {Learn, LearnSnapshot} from "../libraries/LearnSnapshot.sol";
import {MemoryTree, RootChange, RowChange} from "../libraries/MemoryTree.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, SnapshotProof} from "../libraries/WeftTypes.sol";
import {AttesterCourt} from "./AttesterCourt.sol";

/// @title FoldCourt
/// @notice Redoes what a segment taught; see the interface.
/// @dev Every step of a trace is judged against the entry before it, so of a wrong trace at least the first wrong entry
/// can be shown by whoever holds the parent's memory. Whether the segment itself is valid is another court's question.
contract FoldCourt is AttesterCourt, IFoldCourt {
    /// @dev What a fold needs at every cell.
    struct Ground {
        Learn learn;
        uint256 from; // position of the first token
        bytes32[] noRow; // roots of empty rows of every height
        bytes32[] noRows; // roots of trees without rows of every height
    }

    constructor(ICheckpointLedger ledger_) AttesterCourt(ledger_) {}

    /// @inheritdoc IFoldCourt
    function proveFold(FoldProof calldata proof) external {
        Checkpoint calldata checkpoint = proof.checkpoint;
        bytes32 hash = _requireJudged(checkpoint, proof.parent);
        uint256 index = proof.last.segmentIndex;
        _require(index < checkpoint.segmentCount, "segment");
        bytes32 before = _memoryAfter(index, checkpoint, proof.parent, proof.before);
        bytes32 stated = _memoryAfter(index + 1, checkpoint, proof.parent, proof.stated);
        SnapshotProof calldata last = proof.last;
        _require(last.number == checkpoint.number, "number");
        _require(uint256(last.snapshotIndex) + 1 == last.header.snapshotCount, "last");
        _require(_ledger.verifySnapshot(last), "snapshot");
        bytes32 expected = _fold(before, proof);
        if (expected == stated) revert FoldCourtSound();
        emit WrongMemory(hash, index + 1, expected, stated);
        _condemn(checkpoint.number, hash);
    }

    /// @inheritdoc IFoldCourt
    function proveEnd(Checkpoint calldata checkpoint, Checkpoint calldata parent, TraceEntry calldata last) external {
        bytes32 hash = _requireJudged(checkpoint, parent);
        bytes32 expected = _memoryAfter(checkpoint.segmentCount, checkpoint, parent, last);
        if (expected == checkpoint.memoryRoot) revert FoldCourtSound();
        emit WrongMemory(hash, checkpoint.segmentCount, expected, checkpoint.memoryRoot);
        _condemn(checkpoint.number, hash);
    }

    /// @inheritdoc IFoldCourt
    function proveCount(Checkpoint calldata checkpoint, uint256 index, bytes32 leaf, bytes32[] calldata proof)
        external
    {
        bytes32 hash = _hashOf(checkpoint);
        _requireAccusable(checkpoint.number, hash);
        _require(WeftTree.verify(WeftTree.MEMORY_TRACE, checkpoint.memoryTraceRoot, leaf, index, proof), "trace");
        bool empty = leaf == WeftTree.emptyLeaf(WeftTree.MEMORY_TRACE);
        if (empty == (index >= checkpoint.segmentCount)) revert FoldCourtSound();
        emit WrongTrace(hash, index);
        _condemn(checkpoint.number, hash);
    }

    /// @dev Hash of a checkpoint that may be accused and whose parent this is.
    function _requireJudged(Checkpoint calldata checkpoint, Checkpoint calldata parent)
        private
        view
        returns (bytes32 hash)
    {
        hash = _hashOf(checkpoint);
        _requireAccusable(checkpoint.number, hash);
        _require(_hashOf(parent) == checkpoint.parent, "parent");
    }

    /// @dev The memory root after so many segments of a checkpoint, as its trace says.
    function _memoryAfter(
        uint256 segments,
        Checkpoint calldata checkpoint,
        Checkpoint calldata parent,
        TraceEntry calldata entry
    ) private pure returns (bytes32) {
        if (segments == 0) return parent.memoryRoot;
        bytes32 leaf = WeftHash.memoryTraceLeaf(entry.memoryRoot);
        _require(
            WeftTree.verify(
                WeftTree.MEMORY_TRACE, checkpoint.memoryTraceRoot, leaf, segments - 1, entry.proof
            ),
            "trace"
        );
        return entry.memoryRoot;
    }

    /// @dev The memory root after the segment, by what it says.
    function _fold(bytes32 before, FoldProof calldata proof) private pure returns (bytes32) {
        if (!LearnSnapshot.isLearn(proof.last.body)) return before;
        Ground memory ground;
        ground.learn = LearnSnapshot.read(proof.last.body, proof.last.header.operator);
        Learn memory learn = ground.learn;
        if (!learn.mayTeach) return before;
        ground.noRows = WeftTree.emptyRoots(WeftTree.MEMORY_ROWS);
        bytes32 nothing = ground.noRows[WeftTree.MEMORY_ROWS_DEPTH];
        bytes32 leaf = MemoryTree.memoryLeaf(proof.slotMemory, proof.rowsRoot, nothing);
        RootChange memory root = RootChange(leaf, leaf);
        uint256 cursor = _start(proof.openings);
        if (proof.slotMemory == learn.memoryId) {
            bytes32 rows;
            (rows, cursor) = _count(ground, proof, cursor);
            root.counted = MemoryTree.memoryLeaf(learn.memoryId, rows, nothing);
        } else {
            // SAFETY: only a memory that is there takes another's place; without rows it would be the empty leaf, too.
            _require(proof.rowsRoot != nothing, "place");
        }
        uint256 slot = MemoryTree.slotOf(learn.memoryId);
        cursor = MemoryTree.climb(WeftTree.MEMORY, root, slot, cursor, WeftTree.emptyRoots(WeftTree.MEMORY));
        _require(root.before == before, "memory");
        _require(cursor == _start(proof.openings) + proof.openings.length, "openings");
        return root.counted;
    }

    /// @dev Root of the memory's rows after one was added for every learnt position and order, and where the openings
    /// of the cells end.
    function _count(Ground memory ground, FoldProof calldata proof, uint256 cursor)
        private
        pure
        returns (bytes32 rows, uint256)
    {
        Learn memory learn = ground.learn;
        ground.from = LearnSnapshot.contextStart(learn);
        ground.noRow = MemoryTree.emptyRows(learn.columns);
        uint256 end = learn.first + learn.count;
        _require(proof.tokens.length == end - ground.from, "tokens");
        _require(
            ContextTree.verifyRange(learn.contextRoot, ground.from, proof.tokens, proof.tokenSiblings), "tokens"
        );
        rows = proof.rowsRoot;
        for (uint256 position = learn.first; position < end; ++position) {
            if (proof.tokens[position - ground.from] >= learn.columns) continue;
            for (uint256 order = 0; order < learn.orders.length; ++order) {
                if (position < learn.start + LearnSnapshot.orderAt(learn, order)) break;
                uint256 row = _rowOf(ground, proof.tokens, position - ground.from, order);
                (rows, cursor) = _countOne(ground, proof.tokens[position - ground.from], row, rows, cursor);
            }
        }
        return (rows, cursor);
    }

    /// @dev Place, among the memory's rows, of the row of one order's context of the token at `place`.
    function _rowOf(Ground memory ground, uint32[] calldata tokens, uint256 place, uint256 order)
        private
        pure
        returns (uint256)
    {
        uint256 context = place - LearnSnapshot.orderAt(ground.learn, order);
        return order * MemoryTree.ROWS_PER_ORDER
            + MemoryTree.rowOf(ground.learn.salt, order, tokens, context, place);
    }

    /// @dev Adds one to a cell.
    function _countOne(Ground memory ground, uint256 token, uint256 row, bytes32 rows, uint256 cursor)
        private
        pure
        returns (bytes32, uint256)
    {
        RowChange memory change;
        cursor = MemoryTree.count(change, token % MemoryTree.TILE_COLUMNS, cursor);
        cursor = MemoryTree.climbRow(change, token / MemoryTree.TILE_COLUMNS, cursor, ground.noRow);
        RootChange memory root =
            RootChange(MemoryTree.rowLeaf(change.before), MemoryTree.rowLeaf(change.counted));
        cursor = MemoryTree.climb(WeftTree.MEMORY_ROWS, root, row, cursor, ground.noRows);
        _require(root.before == rows, "cell");
        return (root.counted, cursor);
    }

    /// @dev Calldata offset of the first byte.
    function _start(bytes calldata data) private pure returns (uint256 cursor) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            cursor := data.offset
        }
    }

    function _require(bool holds, string memory part) private pure {
        if (!holds) revert FoldCourtNotProven(part);
    }
}
