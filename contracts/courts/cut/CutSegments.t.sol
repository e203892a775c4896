// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Accused, EntryAt, HeaderAt, LeafAt} from "../../interfaces/ICutCourt.sol";
import {WeftTree} from "../../libraries/WeftTree.sol";
import {Checkpoint, SegmentHeader} from "../../libraries/WeftTypes.sol";
import {CutFixture, Told} from "../../test/CutFixture.sol";
import {Grove, Leaf} from "../../test/Grove.sol";

contract CutSegmentsTest is CutFixture {
    function _placeLie(Told memory told, uint256 slot, uint256 index) private {
        Accused memory accused = _say(told);
        judge.provePlace(accused, _entryAt(told, slot), _headerAt(told, index));
        _assertFell(accused);
    }

    /// @dev The entry's head is that of the segment, which is another's.
    function _headLie(Told memory told) private {
        told.entries[2].head = ledger.headerHash(told.headers[2]);
        _placeLie(told, 2, 2);
    }

    function _chainLie(Told memory told) private {
        Accused memory accused = _say(told);
        judge.proveChain(accused.checkpoint, _headerAt(told, 0), _headerAt(told, 1));
        _assertFell(accused);
    }

    function _headerLie(SegmentHeader memory header, LeafAt memory here) private {
        Told memory told = _later();
        told.headers[0] = header;
        Accused memory accused = _say(told);
        judge.proveHeader(accused.checkpoint, _headerAt(told, 0), here);
        _assertFell(accused);
    }

    function _nothing() private pure returns (LeafAt memory) {
        return LeafAt(0, 0, new bytes32[](0));
    }

    /// S9. An entry covers the indices from its first one on, as many as its track advanced.
    function test_SegmentsInTheirPlacesAreSound() public {
        Told memory told = _later();
        Accused memory accused = _say(told);
        uint256[4] memory covering = [uint256(0), 0, 2, 3];
        for (uint256 slot = 0; slot < 4; ++slot) {
            for (uint256 index = 0; index < 4; ++index) {
                EntryAt memory here = _entryAt(told, slot);
                HeaderAt memory segment = _headerAt(told, index);
                if (covering[index] == slot) _sound();
                else _notProven("index");
                judge.provePlace(accused, here, segment);
            }
        }
        HeaderAt memory earlier = _headerAt(told, 0);
        HeaderAt memory later = _headerAt(told, 1);
        _sound();
        judge.proveChain(accused.checkpoint, earlier, later);
    }

    function test_SegmentsInOthersPlaces() public {
        Told memory told = _later();
        told.headers[2].operator = _owner(2);
        _headLie(told);
        told = _later();
        told.headers[2].incarnation = bytes16(uint128(2));
        _headLie(told);
        told = _later();
        told.headers[2].sequence = 2;
        _headLie(told);
        told = _later();
        (told.headers[0], told.headers[1]) = (told.headers[1], told.headers[0]);
        _placeLie(told, 0, 1);
    }

    function test_SegmentsThatBeginOrEndElsewhere() public {
        Told memory told = _later();
        told.headers[0].previous = keccak256("another head");
        _placeLie(told, 0, 0);
        told = _later();
        told.headers[2].previous = keccak256("another track");
        told.entries[2].head = ledger.headerHash(told.headers[2]);
        _placeLie(told, 2, 2);
        told = _later();
        told.entries[0].head = keccak256("another head");
        _placeLie(told, 0, 1);
    }

    function test_SegmentsThatDoNotFollowOneAnother() public {
        Told memory told = _later();
        told.headers[1].previous = keccak256("another");
        _chainLie(told);
        told = _later();
        told.headers[1].sequence = 5;
        _chainLie(told);
    }

    function test_OnlyNeighboursOfOneTrackFollowOneAnother() public {
        Told memory told = _later();
        told.headers[2] = _segment(1, 1, 4);
        Accused memory accused = _say(told);
        HeaderAt memory first = _headerAt(told, 0);
        HeaderAt memory second = _headerAt(told, 1);
        HeaderAt memory third = _headerAt(told, 2);
        _notProven("neighbours");
        judge.proveChain(accused.checkpoint, first, third);
        _notProven("neighbours");
        judge.proveChain(accused.checkpoint, second, first);
        told.headers[2].operator = _owner(2);
        accused = _say(told);
        (second, third) = (_headerAt(told, 1), _headerAt(told, 2));
        _notProven("track");
        judge.proveChain(accused.checkpoint, second, third);
        told = _later();
        told.headers[2] = _segment(1, 2, 1);
        accused = _say(told);
        (second, third) = (_headerAt(told, 1), _headerAt(told, 2));
        _notProven("track");
        judge.proveChain(accused.checkpoint, second, third);
    }

    function test_AnEntryThatGoesBackCoversNothing() public {
        Told memory told = _later();
        told.entries[0].sequence = 1;
        Accused memory accused = _say(told);
        EntryAt memory here = _entryAt(told, 0);
        HeaderAt memory segment = _headerAt(told, 0);
        _notProven("index");
        judge.provePlace(accused, here, segment);
    }

    function test_WhatIsNotThereProvesNothing() public {
        Told memory told = _later();
        Checkpoint memory next = _checkpoint(told);
        next.segmentCount = 3;
        Accused memory accused = _accuse(next);
        EntryAt memory here = _entryAt(told, 3);
        HeaderAt memory segment = _headerAt(told, 3);
        _notProven("index");
        judge.provePlace(accused, here, segment);
        here = _entryAt(told, 2);
        segment = _headerAt(told, 2);
        segment.header.sequence = 9;
        _notProven("path");
        judge.provePlace(accused, here, segment);
        _notProven("path");
        judge.proveHeader(next, segment, _nothing());
        HeaderAt memory other = _headerAt(told, 1);
        _notProven("path");
        judge.proveChain(next, other, segment);
        other.header.sequence = 9;
        segment = _headerAt(told, 2);
        _notProven("path");
        judge.proveChain(next, other, segment);
    }

    function test_HeadersThatNoSegmentHas() public {
        SegmentHeader memory header = _segment(1, 1, 3);
        header.sequence = 0;
        _headerLie(header, _nothing());
        header = _segment(1, 1, 3);
        header.snapshotCount = 0;
        _headerLie(header, _nothing());
        header.snapshotCount = 257;
        _headerLie(header, _nothing());
        header = _segment(1, 1, 3);
        header.snapshotsRoot = 0;
        _headerLie(header, _nothing());
    }

    function test_HeadersThatCountWrongly() public {
        SegmentHeader memory header = _segment(1, 1, 3);
        bytes32[] memory hashes = new bytes32[](2);
        (hashes[0], hashes[1]) = (keccak256("first"), keccak256("second"));
        Leaf[] memory leaves = Grove.row(hashes);
        header.snapshotsRoot = Grove.root(WeftTree.SNAPSHOTS, leaves);
        _headerLie(header, _leafAt(WeftTree.SNAPSHOTS, leaves, 1));
        header.snapshotCount = 3;
        _headerLie(header, _leafAt(WeftTree.SNAPSHOTS, leaves, 2));
        header.snapshotCount = 2;
        Told memory told = _later();
        told.headers[0] = header;
        Accused memory accused = _say(told);
        HeaderAt memory segment = _headerAt(told, 0);
        for (uint256 index = 0; index < 4; ++index) {
            LeafAt memory leaf = _leafAt(WeftTree.SNAPSHOTS, leaves, index);
            _sound();
            judge.proveHeader(accused.checkpoint, segment, leaf);
            leaf.leaf = index < 2 ? WeftTree.emptyLeaf(WeftTree.SNAPSHOTS) : keccak256("something");
            _notProven("path");
            judge.proveHeader(accused.checkpoint, segment, leaf);
        }
    }
}
