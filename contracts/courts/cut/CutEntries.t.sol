// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Accused, DataAt, EntryAt, LeafAt} from "../../interfaces/ICutCourt.sol";
import {WeftTree} from "../../libraries/WeftTree.sol";
import {Checkpoint, CutEntry} from "../../libraries/WeftTypes.sol";
import {CutFixture, Told} from "../../test/CutFixture.sol";
import {Leaf} from "../../test/Grove.sol";

contract CutEntriesTest is CutFixture {
    uint8 private constant CUT = WeftTree.CUT;
    uint8 private constant SEGMENTS = WeftTree.SEGMENTS;

    function _entryLie(Told memory told, uint256 slot) private {
        Accused memory accused = _say(told);
        judge.proveEntry(accused, _entryAt(told, slot));
        _assertFell(accused);
    }

    function _firstLie(Told memory told, uint256 slot) private {
        Accused memory accused = _say(told);
        _proveFirst(accused, told, slot);
        _assertFell(accused);
    }

    function _proveFirst(Accused memory accused, Told memory told, uint256 slot) private {
        EntryAt memory next = _entryAt(told, slot + 1 < told.entries.length ? slot + 1 : slot);
        EntryAt memory here = _entryAt(told, slot);
        judge.proveFirst(accused, here, next.entry, next.proof);
    }

    function _orderLie(Told memory told, uint256 low, uint256 high) private {
        Accused memory accused = _say(told);
        judge.proveOrder(accused, _entryAt(told, low), _entryAt(told, high));
        _assertFell(accused);
    }

    /// S9.
    function test_WhatIsSaidRightIsSound() public {
        Told memory told = _later();
        Accused memory accused = _say(told);
        _sound();
        judge.proveCounts(accused);
        for (uint256 slot = 0; slot < 5; ++slot) {
            LeafAt memory leaf = _leafAt(CUT, _cut(told), slot);
            _sound();
            judge.proveCount(accused.checkpoint, CUT, leaf);
            leaf = _leafAt(SEGMENTS, _segments(told), slot);
            _sound();
            judge.proveCount(accused.checkpoint, SEGMENTS, leaf);
            if (slot == 4) break;
            EntryAt memory here = _entryAt(told, slot);
            _sound();
            judge.proveEntry(accused, here);
            EntryAt memory next = _entryAt(told, slot == 3 ? 3 : slot + 1);
            _sound();
            judge.proveFirst(accused, here, next.entry, next.proof);
            for (uint256 high = slot + 1; high < 4; ++high) {
                EntryAt memory other = _entryAt(told, high);
                _sound();
                judge.proveOrder(accused, here, other);
            }
            DataAt memory data = DataAt(slot, _data(told.entries[slot]), here.proof);
            _sound();
            judge.proveFormat(accused.checkpoint, CUT, data);
            leaf = _leafAt(SEGMENTS, _segments(told), slot);
            data = DataAt(slot, abi.encodePacked(ledger.headerHash(told.headers[slot])), leaf.proof);
            _sound();
            judge.proveFormat(accused.checkpoint, SEGMENTS, data);
        }
    }

    function test_SlotsThatAreGone() public {
        Checkpoint memory next = _nextCheckpoint();
        next.entryCount = 1;
        Accused memory accused = _accuse(next);
        judge.proveCounts(accused);
        _assertFell(accused);
    }

    function test_SegmentsOfNoTrack() public {
        Accused memory accused = _accuse(_nextCheckpoint());
        Checkpoint memory next = _nextCheckpoint();
        next.segmentCount = 1;
        accused.parent = accused.checkpoint;
        _commit(next);
        accused.checkpoint = next;
        judge.proveCounts(accused);
        _assertFell(accused);
    }

    function test_MoreOrFewerLeavesThanAreCounted() public {
        Told memory told = _later();
        for (uint256 i = 0; i < 4; ++i) {
            Checkpoint memory next = _checkpoint(told);
            bool more = i % 2 == 0;
            uint8 kind = i < 2 ? CUT : SEGMENTS;
            if (kind == CUT) next.entryCount = more ? 3 : 5;
            else next.segmentCount = more ? 3 : 5;
            Accused memory accused = _accuse(next);
            Leaf[] memory leaves = kind == CUT ? _cut(told) : _segments(told);
            judge.proveCount(next, kind, _leafAt(kind, leaves, more ? 3 : 4));
            _assertFell(accused);
        }
    }

    function test_LeavesOfAnotherShape() public {
        bytes memory data = _data(_later().entries[0]);
        data[76] = 0x02;
        _formatLie(CUT, data);
        data[76] = 0x01;
        _formatLie(CUT, bytes.concat(data, hex"00"));
        _formatLie(CUT, hex"07");
        _formatLie(SEGMENTS, abi.encodePacked(keccak256("header"), hex"00"));
        _formatLie(SEGMENTS, hex"07");
        (bytes32 root, DataAt memory here) = _dataAt(CUT, data);
        Checkpoint memory next = _nextCheckpoint();
        next.cutRoot = root;
        _commit(next);
        _sound();
        judge.proveFormat(next, CUT, here);
    }

    function _formatLie(uint8 kind, bytes memory data) private {
        (bytes32 root, DataAt memory here) = _dataAt(kind, data);
        Checkpoint memory next = _nextCheckpoint();
        if (kind == CUT) next.cutRoot = root;
        else next.segmentsRoot = root;
        Accused memory accused = _accuse(next);
        judge.proveFormat(next, kind, here);
        _assertFell(accused);
    }

    function test_EntriesThatDoNotGoOnFromTheParents() public {
        Told memory told = _later();
        told.entries[0].sequence = 1; // goes back
        _entryLie(told, 0);
        told = _later();
        told.entries[1].head = keccak256("another"); // at equal sequence
        _entryLie(told, 1);
        told = _later();
        told.entries[1].operator = _owner(0);
        _entryLie(told, 1);
        told = _later();
        told.entries[1].incarnation = bytes16(uint128(9));
        _entryLie(told, 1);
    }

    function test_EndedTracksThatGoOn() public {
        Told memory told = _later();
        told.entries[0].ended = true;
        _entryLie(told, 0);
        told = _later();
        (told.entries[1].ended, told.entries[1].head) = (true, keccak256("another"));
        _entryLie(told, 1);
        told = _later();
        told.entries[1].ended = true; // no segments: whether it ought to is for whoever knows the registry
        Accused memory accused = _say(told);
        EntryAt memory here = _entryAt(told, 1);
        _sound();
        judge.proveEntry(accused, here);
        // The next one has it alive again.
        Told memory revived = _later();
        (revived.entries[0].first, revived.headers) = (0, told.headers);
        here = _entryAt(revived, 1);
        (here.before, here.beforeProof) = (told.entries[1], _entryAt(told, 1).proof);
        Checkpoint memory next = _checkpoint(revived);
        (accused.parent, accused.checkpoint) = (accused.checkpoint, next);
        _commit(next);
        judge.proveEntry(accused, here);
        _assertFell(accused);
    }

    function test_NewTracksThatAreNone() public {
        Told memory told = _later();
        told.entries[2].ended = true;
        _entryLie(told, 2);
        told = _later();
        told.entries[3].sequence = 0;
        _entryLie(told, 3);
    }

    function test_FirstIndicesThatDoNotAddUp() public {
        Told memory told = _later();
        told.entries[1].first = 3;
        _firstLie(told, 0);
        told = _later();
        told.entries[1].first = 1;
        _firstLie(told, 0);
        told = _later();
        (told.entries[0].first, told.entries[1].first) = (1, 3);
        _firstLie(told, 0);
        told = _later();
        told.entries[3].first = 4; // and the segments are four
        _firstLie(told, 3);
        told = _later();
        told.entries[1].sequence = 0;
        Accused memory accused = _say(told);
        EntryAt memory here = _entryAt(told, 1);
        EntryAt memory next = _entryAt(told, 2);
        _notProven("advance");
        judge.proveFirst(accused, here, next.entry, next.proof);
        here = _entryAt(told, 0);
        _notProven("path");
        judge.proveFirst(accused, here, next.entry, next.proof);
    }

    function test_SlotsOutOfOrder() public {
        Told memory told = _later();
        (told.entries[2], told.entries[3]) = (told.entries[3], told.entries[2]);
        _orderLie(told, 2, 3);
        told = _later();
        told.entries[2] = _entry(3, 2, 1, 2); // a later run
        _orderLie(told, 2, 3);
        told = _later();
        told.entries[3] = told.entries[0]; // twice
        _orderLie(told, 0, 3);
        // The parent's tracks stand in any order, also towards new ones.
        told = _later();
        assert(told.entries[1].operator > told.entries[2].operator);
        Accused memory accused = _say(told);
        EntryAt memory low = _entryAt(told, 1);
        EntryAt memory high = _entryAt(told, 2);
        _sound();
        judge.proveOrder(accused, low, high);
        _notProven("slots");
        judge.proveOrder(accused, high, low);
        _notProven("slots");
        judge.proveOrder(accused, high, high);
    }

    function test_WhatIsNotThereProvesNothing() public {
        Told memory told = _later();
        told.entries[0].sequence = 1;
        Accused memory accused = _say(told);
        EntryAt memory here = _entryAt(told, 0);
        EntryAt memory other = _entryAt(told, 3);
        here.entry.sequence = 0;
        _notProven("path");
        judge.proveEntry(accused, here);
        _notProven("path");
        judge.proveOrder(accused, here, other);
        here.entry.sequence = 1;
        other.entry.sequence = 0;
        _notProven("path");
        judge.proveOrder(accused, here, other);
        here.before.sequence = 0;
        _notProven("path");
        judge.proveEntry(accused, here);
        here = _entryAt(told, 0);
        accused.parent.segmentCount = 9;
        _notProven("parent");
        judge.proveEntry(accused, here);
        _notProven("parent");
        judge.proveOrder(accused, here, other);
        _notProven("parent");
        judge.proveCounts(accused);
        LeafAt memory leaf = _leafAt(CUT, _cut(told), 4);
        leaf.leaf = keccak256("something");
        _notProven("path");
        judge.proveCount(accused.checkpoint, CUT, leaf);
        _notProven("kind");
        judge.proveCount(accused.checkpoint, WeftTree.MEMORY, leaf);
        DataAt memory data = DataAt(4, hex"07", leaf.proof);
        _notProven("path");
        judge.proveFormat(accused.checkpoint, CUT, data);
    }

    /// What stands beyond the count is a lie about the count, and says nothing else.
    function test_AnEntryBeyondTheCountIsNone() public {
        Told memory told = _later();
        Checkpoint memory next = _checkpoint(told);
        next.entryCount = 3;
        Accused memory accused = _accuse(next);
        EntryAt memory here = _entryAt(told, 3);
        _notProven("slot");
        judge.proveEntry(accused, here);
    }
}
