// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Accused, DataAt, EntryAt, ICutCourt, LeafAt} from "../../interfaces/ICutCourt.sol";
import {WeftHash} from "../../libraries/WeftHash.sol";
import {WeftTree} from "../../libraries/WeftTree.sol";
import {Checkpoint, CutEntry} from "../../libraries/WeftTypes.sol";
import {CutCase} from "./CutCase.sol";

/// @title CutEntries
/// @notice Accusations of the cut itself: which tracks it has, and how far each goes.
abstract contract CutEntries is CutCase {
    uint256 private constant ENTRY_BYTES = 81;
    uint256 private constant ENDED_BYTE = 76;

    /// @inheritdoc ICutCourt
    function proveCounts(Accused calldata accused) external {
        _requireParent(accused);
        Checkpoint calldata checkpoint = accused.checkpoint;
        bool told = checkpoint.entryCount < accused.parent.entryCount
            || (checkpoint.entryCount == 0 && checkpoint.segmentCount > 0);
        _judge(checkpoint, Lie.Count, checkpoint.entryCount, told);
    }

    /// @inheritdoc ICutCourt
    function proveCount(Checkpoint calldata checkpoint, uint8 kind, LeafAt calldata here) external {
        (bytes32 root, uint256 count) = _tree(checkpoint, kind);
        _requireIn(kind, root, here.leaf, here.index, here.proof);
        bool isEmpty = here.leaf == WeftTree.emptyLeaf(kind);
        _judge(checkpoint, Lie.Count, here.index, isEmpty == (here.index < count));
    }

    /// @inheritdoc ICutCourt
    function proveFormat(Checkpoint calldata checkpoint, uint8 kind, DataAt calldata here) external {
        (bytes32 root,) = _tree(checkpoint, kind);
        _requireIn(kind, root, WeftTree.leaf(kind, here.data), here.index, here.proof);
        bool told = kind == WeftTree.SEGMENTS
            ? here.data.length != 32
            : here.data.length != ENTRY_BYTES || here.data[ENDED_BYTE] > 0x01;
        _judge(checkpoint, Lie.Format, here.index, told);
    }

    /// @inheritdoc ICutCourt
    function proveEntry(Accused calldata accused, EntryAt calldata here) external {
        Standing memory before = _open(accused, here);
        CutEntry calldata entry = here.entry;
        bool told;
        if (before.isNew) {
            told = entry.ended || entry.sequence == 0;
        } else if (!_isSameTrack(entry, here.before)) {
            told = true;
        } else if (entry.ended) {
            told = entry.sequence != before.sequence || entry.head != before.head;
        } else {
            bool changed = entry.sequence == before.sequence && entry.head != before.head;
            told = before.ended || entry.sequence < before.sequence || changed;
        }
        _judge(accused.checkpoint, Lie.Entry, here.slot, told);
    }

    /// @inheritdoc ICutCourt
    function proveFirst(
        Accused calldata accused,
        EntryAt calldata here,
        CutEntry calldata next,
        bytes32[] calldata nextProof
    ) external {
        Standing memory before = _open(accused, here);
        Checkpoint calldata checkpoint = accused.checkpoint;
        CutEntry calldata entry = here.entry;
        // One that goes back is a lie of its own, and nothing can be added to it.
        _require(entry.sequence >= before.sequence, "advance");
        uint256 expected = uint256(entry.first) + entry.sequence - before.sequence;
        uint256 stated = checkpoint.segmentCount;
        if (here.slot + 1 < checkpoint.entryCount) {
            _requireIn(WeftTree.CUT, checkpoint.cutRoot, WeftHash.cutLeaf(next), here.slot + 1, nextProof);
            stated = next.first;
        }
        bool told = stated != expected || (here.slot == 0 && entry.first != 0);
        _judge(checkpoint, Lie.First, here.slot, told);
    }

    /// @inheritdoc ICutCourt
    function proveOrder(Accused calldata accused, EntryAt calldata low, EntryAt calldata high) external {
        Checkpoint calldata checkpoint = accused.checkpoint;
        _requireParent(accused);
        _require(low.slot < high.slot, "slots");
        _requireEntry(checkpoint, low);
        _requireEntry(checkpoint, high);
        bool told = _isSameTrack(low.entry, high.entry)
            || (low.slot >= accused.parent.entryCount && _isAfter(low.entry, high.entry));
        _judge(checkpoint, Lie.Order, high.slot, told);
    }

    /// @dev Tracks ascend by operator, then by incarnation.
    function _isAfter(CutEntry calldata a, CutEntry calldata b) private pure returns (bool) {
        return a.operator > b.operator || (a.operator == b.operator && a.incarnation > b.incarnation);
    }

    function _tree(Checkpoint calldata checkpoint, uint8 kind) private pure returns (bytes32 root, uint256 count) {
        if (kind == WeftTree.CUT) return (checkpoint.cutRoot, checkpoint.entryCount);
        _require(kind == WeftTree.SEGMENTS, "kind");
        return (checkpoint.segmentsRoot, checkpoint.segmentCount);
    }
}
