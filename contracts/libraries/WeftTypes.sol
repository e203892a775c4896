// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What an operator signs for a batch of snapshots. Its hash is the EIP-712 digest in the ledger's domain.
struct SegmentHeader {
    address operator;
    bytes16 incarnation; // 16 random bytes, drawn at every process start
    uint64 sequence; // from 1, without gaps
    bytes32 previous; // the header before it in its track; at sequence 1 the track id
    bytes32 snapshotsRoot;
    uint32 snapshotCount;
}

/// @notice What a quorum attests: a cut of all tracks and the roots that follow from it.
struct Checkpoint {
    uint64 number;
    bytes32 parent; // hash of the checkpoint before it
    uint64 registryPosition;
    bytes32 registryHash; // running hash at that position
    bytes32 cutRoot;
    uint32 entryCount;
    bytes32 segmentsRoot;
    uint32 segmentCount;
    bytes32 memoryRoot;
    bytes32 memoryTraceRoot;
}

/// @notice The fields that fix an answer, and so are hashed to the request id.
struct Request {
    bytes32 requester;
    bytes32 nonce;
    bytes32 model;
    bytes32 contextBefore;
    uint32 lengthBefore; // tokens
    bytes32 contextAfter;
    uint32 lengthAfter; // tokens
    bytes32 parameters; // hash of the canonical parameter bytes
    uint32 maxLength; // tokens
    bytes32 memoryId;
    uint64 memoryCheckpoint;
    bytes32 memoryCheckpointHash;
    uint8 gate;
}

/// @notice One slot of the cut: how far a track goes.
struct CutEntry {
    address operator;
    bytes16 incarnation;
    uint64 sequence;
    bytes32 head;
    bool ended;
    uint32 first; // index of the track's first new segment in the segments tree
}

/// @notice Where a snapshot stands in a checkpoint, with the two proofs that lead there: the part of a receipt that
/// contracts read. One struct, because as many parameters would overflow the stack of every contract that passes them.
struct SnapshotProof {
    uint64 number; // the checkpoint
    uint32 segmentIndex; // in the checkpoint's segments tree
    SegmentHeader header;
    bytes32[] segmentProof; // 16 siblings from the bottom up
    uint32 snapshotIndex; // in the segment, below its snapshot count
    bytes16 salt;
    bytes body;
    bytes32[] snapshotProof; // 8 siblings from the bottom up
}
