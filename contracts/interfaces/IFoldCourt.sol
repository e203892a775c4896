// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkpoint, SnapshotProof} from "../libraries/WeftTypes.sol";
import {IAttesterCourt} from "./IAttesterCourt.sol";

/// @notice One entry of a memory trace; before index 0 stands the parent's memory root, and nothing is read from this.
struct TraceEntry {
    bytes32 memoryRoot;
    bytes32[] proof; // 16 siblings from the bottom up
}

/// @notice All that is needed to redo what one segment of a checkpoint taught.
struct FoldProof {
    Checkpoint checkpoint;
    Checkpoint parent;
    TraceEntry before; // the entry before the segment's
    TraceEntry stated; // the segment's
    SnapshotProof last; // the segment's last snapshot: the only one that may be a `Learn`
    // The rest is read only for a `Learn` by an author who may teach that memory.
    bytes32 slotMemory; // id of the memory that has the learnt one's place, which may be another; its own in an empty place
    bytes32 rowsRoot; // of that memory's rows
    uint32[] tokens; // from where the first context begins up to the last learnt position
    bytes32[] tokenSiblings; // beside these in the context tree, level by level from the bottom up, left before right
    bytes openings; // of every cell to which one is added, in order, and then of the memory's place: see `MemoryTree`
}

/// @title IFoldCourt
/// @notice Decides one kind of accusation: a checkpoint whose memory does not follow from its parent's memory and its
/// segments. The proof is the whole trial, so there is no deadline but the checkpoint's own window.
interface IFoldCourt is IAttesterCourt {
    /// @notice The memory after `segments` segments of a checkpoint is another one than it says.
    event WrongMemory(bytes32 indexed hash, uint256 segments, bytes32 expected, bytes32 stated);
    /// @notice A checkpoint's memory trace has a place that should not, or lacks one that should, have an entry.
    event WrongTrace(bytes32 indexed hash, uint256 index);

    /// @notice What the checkpoint says is right.
    error FoldCourtSound();
    /// @notice A part of the proof does not lead to what it has to.
    error FoldCourtNotProven(string part);

    /// @notice Condemns a checkpoint whose trace does not follow from the entry before by what one segment taught.
    function proveFold(FoldProof calldata proof) external;

    /// @notice Condemns a checkpoint whose memory root is not the last entry of its trace, or without segments is not
    /// its parent's.
    /// @param parent The checkpoint before it.
    /// @param last The entry of the last segment.
    function proveEnd(Checkpoint calldata checkpoint, Checkpoint calldata parent, TraceEntry calldata last) external;

    /// @notice Condemns a checkpoint whose trace has not exactly one entry for each segment.
    /// @param index Place of an empty leaf below the segment count, or of any other at or above it.
    /// @param leaf Hash of the leaf there.
    /// @param proof 16 siblings from the bottom up.
    function proveCount(Checkpoint calldata checkpoint, uint256 index, bytes32 leaf, bytes32[] calldata proof)
        external;
}
