// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkpoint, CutEntry, SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";
import {IAttesterCourt} from "./IAttesterCourt.sol";

/// @notice A checkpoint that is accused, and the one before it.
struct Accused {
    Checkpoint checkpoint;
    Checkpoint parent;
}

/// @notice A leaf of one tree by its hash, which says whether there is any.
struct LeafAt {
    uint256 index;
    bytes32 leaf;
    bytes32[] proof; // siblings from the bottom up
}

/// @notice What a leaf of one tree is the hash of.
struct DataAt {
    uint256 index;
    bytes data;
    bytes32[] proof;
}

/// @notice A track's entry in the accused cut, and in the parent's, which for a new slot is not read.
struct EntryAt {
    uint256 slot;
    CutEntry entry;
    bytes32[] proof; // 24 siblings from the bottom up
    CutEntry before;
    bytes32[] beforeProof;
}

/// @notice A segment in the accused segments tree.
struct HeaderAt {
    uint256 index;
    SegmentHeader header;
    bytes32[] proof; // 16 siblings from the bottom up
}

/// @notice Positions after the one that recorded a set, up to another: changes that left the set alone.
struct QuietPosition {
    uint8 kind;
    bytes32 payload;
}

/// @title ICutCourt
/// @notice Decides one kind of accusation: a checkpoint that does not extend its parent's cut, lists other segments than
/// the valid ones between the two, or ends other tracks than its registry position does. Each proof is the whole trial,
/// so there is no deadline but the checkpoint's own window. Whatever cannot be shown because it was never served is the
/// availability court's business.
interface ICutCourt is IAttesterCourt {
    /// @notice What a checkpoint was proven wrong about.
    enum Lie {
        Count, // a place is taken that should be empty, or the other way round
        Format, // a leaf is the hash of something else than its tree holds
        Entry, // an entry does not go on from the parent's
        First, // indices of first segments do not add up
        Order, // new slots are out of order, or a track has two
        Ended, // ended, or not, unlike the registry position
        Place, // a segment stands where another belongs
        Chain, // a segment does not follow the one before it in its track
        Snapshot // a segment has a snapshot that breaks a rule
    }

    /// @notice A checkpoint was proven wrong about something at this slot or index.
    event CutDisproven(bytes32 indexed hash, Lie lie, uint256 place);

    /// @notice What was shown is as it has to be.
    error CutCourtSound();
    /// @notice A part of the proof does not lead to what it has to.
    error CutCourtNotProven(string part);

    /// @notice The parent has slots that are gone, or segments were counted for no entry.
    function proveCounts(Accused calldata accused) external;

    /// @notice A place of the cut or of the segments below the count is empty, or one at or above it is not.
    /// @param kind 2 for the segments tree, 3 for the cut.
    function proveCount(Checkpoint calldata checkpoint, uint8 kind, LeafAt calldata here) external;

    /// @notice A leaf of the cut or of the segments is the hash of something of another shape.
    function proveFormat(Checkpoint calldata checkpoint, uint8 kind, DataAt calldata here) external;

    /// @notice A slot has another track than the parent's; or its track goes back, changes its head at equal sequence,
    /// goes on though it has ended, is alive again; or is new and has ended, or has no segment.
    function proveEntry(Accused calldata accused, EntryAt calldata here) external;

    /// @notice The first slot's first index is not 0, or the next slot's, or after the last the segment count, is not
    /// this one's plus what the track advanced.
    /// @param next The entry of the slot after it; not read for the last one.
    function proveFirst(
        Accused calldata accused,
        EntryAt calldata here,
        CutEntry calldata next,
        bytes32[] calldata nextProof
    ) external;

    /// @notice One track has two slots, or of two new slots the later one has the lower track.
    function proveOrder(Accused calldata accused, EntryAt calldata low, EntryAt calldata high) external;

    /// @notice An entry is not ended though its operator was convicted up to the named position.
    /// @param conviction The position.
    /// @param setHash Of the operators that the conviction left.
    function proveConvicted(
        Checkpoint calldata checkpoint,
        EntryAt calldata here,
        uint64 conviction,
        bytes32 setHash
    ) external;

    /// @notice An entry is not ended though its operator asked to leave and an epoch up to the named position began
    /// without it.
    /// @param exit Position at which it asked.
    /// @param activation Later position of the epoch.
    /// @param epoch Number of the epoch.
    /// @param set Its members.
    function proveGone(
        Checkpoint calldata checkpoint,
        EntryAt calldata here,
        uint64 exit,
        uint64 activation,
        uint64 epoch,
        uint256[] calldata set
    ) external;

    /// @notice An entry is ended though its operator was in the set at the named position.
    /// @param recorded Position that recorded the set: a later one, or an earlier one with only `quiet` ones after it.
    /// @param kind What happened there: 4 an epoch, 5 a conviction.
    /// @param subject Number of the epoch, or the convicted operator, as a word.
    /// @param set The members.
    /// @param quiet Positions after it, up to the named one.
    function proveMember(
        Checkpoint calldata checkpoint,
        EntryAt calldata here,
        uint64 recorded,
        uint8 kind,
        bytes32 subject,
        uint256[] calldata set,
        QuietPosition[] calldata quiet
    ) external;

    /// @notice At an index that an entry covers stands a segment of another track or sequence, one that does not begin
    /// where the parent's entry ends, or one that does not end at the entry's head.
    function provePlace(Accused calldata accused, EntryAt calldata here, HeaderAt calldata segment) external;

    /// @notice Two neighbouring segments of one track do not follow one another.
    function proveChain(Checkpoint calldata checkpoint, HeaderAt calldata earlier, HeaderAt calldata later) external;

    /// @notice A header is of a shape that no segment has, or its tree of snapshots has another number than it counts.
    /// @param here A place of the snapshots tree; not read where the header alone is wrong.
    function proveHeader(Checkpoint calldata checkpoint, HeaderAt calldata segment, LeafAt calldata here) external;

    /// @notice A snapshot is malformed or breaks a rule whatever stands beside it.
    /// @param hash Of the accused checkpoint, which is the one that the proof names; so below.
    function proveSnapshot(bytes32 hash, SnapshotProof calldata snapshot) external;

    /// @notice A snapshot does not follow the one that it names as its turn's latest, or names one that there is not.
    /// @param earlier The one that it names, or any of a segment that has none in that place; in the same checkpoint, or in
    /// one before it that stands.
    /// @param peaks Of the context after the earlier one, to show that the later one's root does not follow; or none.
    function proveSuccession(
        bytes32 hash,
        SnapshotProof calldata later,
        SnapshotProof calldata earlier,
        bytes32[] calldata peaks
    ) external;

    /// @notice A snapshot is not of the request that its turn was opened for.
    /// @param open The turn's first snapshot, in the same checkpoint or in one before it that stands.
    function proveRequest(bytes32 hash, SnapshotProof calldata later, SnapshotProof calldata open) external;

    /// @notice Two snapshots of one turn name the same one as its latest.
    /// @param twin In the same checkpoint, or in one before it that stands.
    function proveTwins(bytes32 hash, SnapshotProof calldata snapshot, SnapshotProof calldata twin) external;
}
