// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CutCourt} from "../courts/CutCourt.sol";
import {Accused, DataAt, EntryAt, HeaderAt, ICutCourt, LeafAt} from "../interfaces/ICutCourt.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, CutEntry, SegmentHeader} from "../libraries/WeftTypes.sol";
import {Grove, Leaf} from "./Grove.sol";
import {VM} from "./Vm.sol";
import {WeftFixture} from "./WeftFixture.sol";

/// @notice What a checkpoint lists, true or not.
struct Told {
    CutEntry[] entries;
    SegmentHeader[] headers;
}

/// @notice A committed checkpoint with two tracks, and another one after it in which one of them has gone on by two
/// segments, the other has not, and two are new; or lies about that.
abstract contract CutFixture is WeftFixture {
    CutCourt internal judge;
    Checkpoint internal parent;

    function setUp() public virtual override {
        super.setUp();
        _found();
        judge = new CutCourt(ledger);
        manager.grantRole(1, address(judge), 0);
        manager.grantRole(5, address(judge), 0);
        parent = _checkpoint(_earlier());
        _commit(parent);
    }

    function _segment(uint256 operator, uint128 run, uint64 sequence) internal view returns (SegmentHeader memory) {
        bytes32 previous = sequence == 1
            ? WeftHash.trackId(_owner(operator), bytes16(run))
            : ledger.headerHash(_segment(operator, run, sequence - 1));
        bytes32 root = keccak256(abi.encode(operator, run, sequence));
        return SegmentHeader(_owner(operator), bytes16(run), sequence, previous, root, 1);
    }

    function _entry(uint256 operator, uint128 run, uint64 sequence, uint32 first)
        internal
        view
        returns (CutEntry memory)
    {
        bytes32 head = ledger.headerHash(_segment(operator, run, sequence));
        return CutEntry(_owner(operator), bytes16(run), sequence, head, false, first);
    }

    function _earlier() internal view returns (Told memory told) {
        told.entries = new CutEntry[](2);
        (told.entries[0], told.entries[1]) = (_entry(1, 1, 2, 0), _entry(2, 1, 1, 2));
        told.headers = new SegmentHeader[](3);
        (told.headers[0], told.headers[1], told.headers[2]) = (_segment(1, 1, 1), _segment(1, 1, 2), _segment(2, 1, 1));
    }

    function _later() internal view returns (Told memory told) {
        told.entries = new CutEntry[](4);
        (told.entries[0], told.entries[1]) = (_entry(1, 1, 4, 0), _entry(2, 1, 1, 2));
        (told.entries[2], told.entries[3]) = (_entry(0, 1, 1, 2), _entry(3, 1, 1, 3));
        told.headers = new SegmentHeader[](4);
        (told.headers[0], told.headers[1]) = (_segment(1, 1, 3), _segment(1, 1, 4));
        (told.headers[2], told.headers[3]) = (_segment(0, 1, 1), _segment(3, 1, 1));
    }

    function _cut(Told memory told) internal pure returns (Leaf[] memory) {
        bytes32[] memory hashes = new bytes32[](told.entries.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = WeftTree.leaf(WeftTree.CUT, _data(told.entries[i]));
        }
        return Grove.row(hashes);
    }

    function _data(CutEntry memory e) internal pure returns (bytes memory) {
        return abi.encodePacked(e.operator, e.incarnation, e.sequence, e.head, e.ended, e.first);
    }

    function _segments(Told memory told) internal view returns (Leaf[] memory) {
        bytes32[] memory hashes = new bytes32[](told.headers.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = WeftHash.segmentLeaf(ledger.headerHash(told.headers[i]));
        }
        return Grove.row(hashes);
    }

    function _checkpoint(Told memory told) internal view returns (Checkpoint memory next) {
        next = _nextCheckpoint();
        (next.entryCount, next.segmentCount) = (uint32(told.entries.length), uint32(told.headers.length));
        next.cutRoot = Grove.root(WeftTree.CUT, _cut(told));
        next.segmentsRoot = Grove.root(WeftTree.SEGMENTS, _segments(told));
    }

    /// @dev Commits the checkpoint that says so.
    function _say(Told memory told) internal returns (Accused memory) {
        return _accuse(_checkpoint(told));
    }

    function _accuse(Checkpoint memory next) internal returns (Accused memory) {
        _commit(next);
        return Accused(next, parent);
    }

    function _commit(Checkpoint memory next) internal {
        (bytes memory signatures,) = _attest(next, type(uint256).max);
        ledger.commit(next, set, signatures);
    }

    function _entryAt(Told memory told, uint256 slot) internal view returns (EntryAt memory here) {
        (here.slot, here.entry) = (slot, told.entries[slot]);
        here.proof = Grove.path(WeftTree.CUT, _cut(told), slot);
        Told memory before = _earlier();
        if (slot >= before.entries.length) return here;
        here.before = before.entries[slot];
        here.beforeProof = Grove.path(WeftTree.CUT, _cut(before), slot);
    }

    function _headerAt(Told memory told, uint256 index) internal view returns (HeaderAt memory) {
        return HeaderAt(index, told.headers[index], Grove.path(WeftTree.SEGMENTS, _segments(told), index));
    }

    function _leafAt(uint8 kind, Leaf[] memory leaves, uint256 index) internal pure returns (LeafAt memory) {
        return LeafAt(index, Grove.nodeAt(kind, leaves, 0, index), Grove.path(kind, leaves, index));
    }

    function _dataAt(uint8 kind, bytes memory data) internal pure returns (bytes32 root, DataAt memory here) {
        Leaf[] memory leaves = Grove.only(WeftTree.leaf(kind, data));
        return (Grove.root(kind, leaves), DataAt(0, data, Grove.path(kind, leaves, 0)));
    }

    function _sound() internal {
        VM.expectRevert(ICutCourt.CutCourtSound.selector);
    }

    function _notProven(string memory part) internal {
        VM.expectRevert(abi.encodeWithSelector(ICutCourt.CutCourtNotProven.selector, part));
    }

    function _assertFell(Accused memory accused) internal view {
        Checkpoint memory checkpoint = accused.checkpoint;
        assert(ledger.checkpoint(checkpoint.number).fallen);
        assert(judge.condemned(WeftHash.checkpointHash(ledger.domainSeparator(), checkpoint)));
    }
}
