// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Accused, EntryAt, HeaderAt, ICutCourt, LeafAt} from "../../interfaces/ICutCourt.sol";
import {WeftTree} from "../../libraries/WeftTree.sol";
import {Checkpoint, CutEntry, SegmentHeader} from "../../libraries/WeftTypes.sol";
import {CutCase} from "./CutCase.sol";

/// @title CutSegments
/// @notice Accusations of the segments tree: which segment stands where, and what it follows.
abstract contract CutSegments is CutCase {
    /// @inheritdoc ICutCourt
    function provePlace(Accused calldata accused, EntryAt calldata here, HeaderAt calldata segment) external {
        Standing memory before = _open(accused, here);
        bytes32 hash = _openSegment(accused.checkpoint, segment);
        CutEntry calldata entry = here.entry;
        SegmentHeader calldata header = segment.header;
        _require(entry.sequence >= before.sequence && segment.index >= entry.first, "index");
        uint256 offset = segment.index - entry.first;
        uint256 advance = entry.sequence - before.sequence;
        _require(offset < advance, "index");
        bool told = header.operator != entry.operator || header.incarnation != entry.incarnation
            || header.sequence != before.sequence + offset + 1 || (offset == 0 && header.previous != before.head)
            || (offset + 1 == advance && hash != entry.head);
        _judge(accused.checkpoint, Lie.Place, segment.index, told);
    }

    /// @inheritdoc ICutCourt
    function proveChain(Checkpoint calldata checkpoint, HeaderAt calldata earlier, HeaderAt calldata later) external {
        bytes32 hash = _openSegment(checkpoint, earlier);
        _openSegment(checkpoint, later);
        SegmentHeader calldata a = earlier.header;
        SegmentHeader calldata b = later.header;
        _require(later.index == earlier.index + 1, "neighbours");
        _require(a.operator == b.operator && a.incarnation == b.incarnation, "track");
        bool told = uint256(b.sequence) != uint256(a.sequence) + 1 || b.previous != hash;
        _judge(checkpoint, Lie.Chain, later.index, told);
    }

    /// @inheritdoc ICutCourt
    function proveHeader(Checkpoint calldata checkpoint, HeaderAt calldata segment, LeafAt calldata here) external {
        _openSegment(checkpoint, segment);
        SegmentHeader calldata header = segment.header;
        bool told = header.sequence == 0 || header.snapshotCount == 0
            || header.snapshotCount > 1 << WeftTree.SNAPSHOTS_DEPTH || header.snapshotsRoot == 0;
        if (!told) {
            _requireIn(WeftTree.SNAPSHOTS, header.snapshotsRoot, here.leaf, here.index, here.proof);
            told = (here.leaf == WeftTree.emptyLeaf(WeftTree.SNAPSHOTS)) == (here.index < header.snapshotCount);
        }
        _judge(checkpoint, Lie.Format, segment.index, told);
    }
}
