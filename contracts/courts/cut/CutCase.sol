// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Accused, EntryAt, HeaderAt, ICutCourt} from "../../interfaces/ICutCourt.sol";
import {WeftHash} from "../../libraries/WeftHash.sol";
import {WeftTree} from "../../libraries/WeftTree.sol";
import {Checkpoint, CutEntry, SegmentHeader} from "../../libraries/WeftTypes.sol";
import {AttesterCourt} from "../AttesterCourt.sol";

/// @title CutCase
/// @notice What all accusations of a cut share: the checkpoint, and what was opened of it.
/// @dev SAFETY: nothing is believed but what has a path to a root of a checkpoint on record. An honest checkpoint has
/// exactly one leaf at each place, so what is read is what it says.
abstract contract CutCase is ICutCourt, AttesterCourt {
    /// @dev Where a track stood in the parent; a new one before its first segment.
    struct Standing {
        bool isNew;
        uint256 sequence;
        bytes32 head;
        bool ended;
    }

    /// @dev Condemns when the lie was told; says that there is none otherwise.
    function _judge(bytes32 hash, uint64 number, Lie lie, uint256 place, bool told) internal {
        if (!told) revert CutCourtSound();
        emit CutDisproven(hash, lie, place);
        _condemn(number, hash);
    }

    function _judge(Checkpoint calldata checkpoint, Lie lie, uint256 place, bool told) internal {
        _judge(_hashOf(checkpoint), checkpoint.number, lie, place, told);
    }

    /// @dev The second one is the parent of the first.
    function _requireParent(Accused calldata accused) internal view {
        _require(_hashOf(accused.parent) == accused.checkpoint.parent, "parent");
    }

    /// @dev The entry stands in the accused cut.
    function _requireEntry(Checkpoint calldata checkpoint, EntryAt calldata here) internal pure {
        _require(here.slot < checkpoint.entryCount, "slot");
        _requireIn(WeftTree.CUT, checkpoint.cutRoot, WeftHash.cutLeaf(here.entry), here.slot, here.proof);
    }

    /// @dev Opens an entry in the accused cut and in the parent's.
    function _open(Accused calldata accused, EntryAt calldata here) internal view returns (Standing memory before) {
        _requireParent(accused);
        _requireEntry(accused.checkpoint, here);
        if (here.slot >= accused.parent.entryCount) {
            return Standing(true, 0, WeftHash.trackId(here.entry.operator, here.entry.incarnation), false);
        }
        bytes32 leaf = WeftHash.cutLeaf(here.before);
        _requireIn(WeftTree.CUT, accused.parent.cutRoot, leaf, here.slot, here.beforeProof);
        return Standing(false, here.before.sequence, here.before.head, here.before.ended);
    }

    /// @dev The segment stands in the accused segments tree; returns its header's hash.
    function _openSegment(Checkpoint calldata checkpoint, HeaderAt calldata here) internal view returns (bytes32 hash) {
        hash = _headerHash(here.header);
        _require(here.index < checkpoint.segmentCount, "index");
        _requireIn(WeftTree.SEGMENTS, checkpoint.segmentsRoot, WeftHash.segmentLeaf(hash), here.index, here.proof);
    }

    function _headerHash(SegmentHeader calldata header) internal view returns (bytes32) {
        return WeftHash.headerHash(WeftHash.domainSeparator(block.chainid, address(_ledger)), header);
    }

    function _requireIn(uint8 kind, bytes32 root, bytes32 leaf, uint256 index, bytes32[] calldata proof)
        internal
        pure
    {
        _require(WeftTree.verify(kind, root, leaf, index, proof), "path");
    }

    function _require(bool holds, string memory part) internal pure {
        if (!holds) revert CutCourtNotProven(part);
    }

    function _isSameTrack(CutEntry calldata a, CutEntry calldata b) internal pure returns (bool) {
        return a.operator == b.operator && a.incarnation == b.incarnation;
    }
}
