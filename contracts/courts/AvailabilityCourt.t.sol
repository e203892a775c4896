// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAttesterCourt} from "../interfaces/IAttesterCourt.sol";
import {Kind, MemoriesAt, MemoryAt, RowAt, SumNode} from "../interfaces/IAvailabilityCourt.sol";
import {HeaderAt} from "../interfaces/ICutCourt.sol";
import {TokensSnapshot} from "../libraries/TokensSnapshot.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";
import {Grove} from "../test/Grove.sol";
import {Matrix} from "../test/Matrix.sol";
import {PlaceFixture} from "../test/PlaceFixture.sol";
import {VM} from "../test/Vm.sol";

/// What may be asked for, and what answers it; how challenges live is in `availability/Challenges.t.sol`.
contract AvailabilityCourtTest is PlaceFixture {
    function test_EntriesAndTraceAreServed() public {
        bytes32 asked = judge.challenge(next, Kind.Entry, 0, MOST);
        judge.answerEntry(asked, _entry(), Grove.path(WeftTree.CUT, _cut(), 0));
        _assertServed(asked);
        asked = judge.challenge(next, Kind.Trace, 2, MOST);
        bytes32 root = _memoryRoot(3);
        bytes32[] memory proof = Grove.path(WeftTree.MEMORY_TRACE, _trace(), 2);
        _wrong(asked);
        judge.answerTrace(asked, keccak256("another"), proof);
        judge.answerTrace(asked, root, proof);
        _assertServed(asked);
        _noPlace("index");
        judge.challenge(next, Kind.Trace, 3, MOST);
        _noPlace("index");
        judge.challenge(next, Kind.Segment, 3, MOST);
        _noPlace("index");
        judge.challenge(next, Kind.Entry, 1, MOST);
        _noPlace("kind");
        judge.challenge(next, Kind.Memory, 0, MOST);
    }

    function test_SegmentsAreServedWithTheirAuthorsSignature() public {
        bytes32 asked = judge.challenge(next, Kind.Segment, 0, MOST);
        HeaderAt memory segment = _headerAt(0);
        bytes32 hash = ledger.headerHash(segment.header);
        bytes memory other = _sign(_key(1), hash);
        bytes memory signature = _sign(_key(0), hash);
        _wrong(asked);
        judge.answerSegment(asked, segment.header, other, segment.proof);
        segment.header.sequence = 9;
        bytes memory another = _sign(_key(0), ledger.headerHash(segment.header));
        _wrong(asked);
        judge.answerSegment(asked, segment.header, another, segment.proof);
        segment.header.sequence = 1;
        judge.answerSegment(asked, segment.header, signature, segment.proof);
        _assertServed(asked);
    }

    /// Nobody's segment is signed by nobody: a stranger's signature serves nothing.
    function test_NobodysSegmentIsNotServed() public {
        bytes32 asked = judge.challenge(next, Kind.Segment, 1, MOST);
        HeaderAt memory segment = _headerAt(1);
        bytes memory signature = _sign(0xBAD, ledger.headerHash(segment.header));
        _wrong(asked);
        judge.answerSegment(asked, segment.header, signature, segment.proof);
    }

    function test_SnapshotsAreServed() public {
        HeaderAt memory segment = _headerAt(0);
        bytes32 hash = ledger.checkpointHash(next.number);
        bytes32 asked = judge.challengeSnapshot(next.number, hash, segment, 1, MOST);
        SnapshotProof memory snapshot = _snapshotAt(1);
        _wrong(asked);
        judge.answerSnapshot(asked, bytes16(0), snapshot.body, snapshot.snapshotProof);
        judge.answerSnapshot(asked, HIDDEN, snapshot.body, snapshot.snapshotProof);
        _assertServed(asked);
        _noPlace("snapshot");
        judge.challengeSnapshot(next.number, hash, segment, 5, MOST);
        segment.index = 1;
        _noPlace("path");
        judge.challengeSnapshot(next.number, hash, segment, 0, MOST);
        segment = _headerAt(2); // counts too many
        _noPlace("snapshot");
        judge.challengeSnapshot(next.number, hash, segment, 0, MOST);
    }

    function test_ContextsAreServedByTheirPeaks() public {
        SnapshotProof memory snapshot = _snapshotAt(0);
        bytes32 hash = ledger.checkpointHash(next.number);
        bytes32 asked = judge.challengeContext(hash, snapshot, MOST);
        bytes32[] memory peaks = Grove.peaks(_ids());
        bytes32[] memory wrong = Grove.peaks(new uint32[](3));
        _wrong(asked);
        judge.answerContext(asked, wrong);
        _wrong(asked);
        judge.answerContext(asked, new bytes32[](1));
        judge.answerContext(asked, peaks);
        _assertServed(asked);
    }

    function test_OnlyTokensHaveAContext() public {
        bytes32 hash = ledger.checkpointHash(next.number);
        SnapshotProof memory close = _snapshotAt(1);
        VM.expectRevert(abi.encodeWithSelector(TokensSnapshot.TokensSnapshotWrongLength.selector, 118, 114));
        judge.challengeContext(hash, close, MOST);
        SnapshotProof memory empty = _snapshotAt(2);
        _noPlace("snapshot");
        judge.challengeContext(hash, empty, MOST);
        SnapshotProof memory beyond = _snapshotAt(3);
        _noPlace("snapshot");
        judge.challengeContext(hash, beyond, MOST);
        judge.challengeContext(hash, _snapshotAt(4), MOST);
        SnapshotProof memory elsewhere = _snapshotAt(0);
        elsewhere.salt = 0;
        _noPlace("path");
        judge.challengeContext(hash, elsewhere, MOST);
        elsewhere.salt = HIDDEN;
        VM.expectRevert(
            abi.encodeWithSelector(
                IAttesterCourt.AttesterCourtUnknownCheckpoint.selector, next.number, hash, keccak256("other")
            )
        );
        judge.challengeContext(keccak256("other"), elsewhere, MOST);
    }

    function test_MemoriesAreServed() public {
        for (uint32 segments = 1; segments <= 3; ++segments) {
            MemoryAt memory there = _memoryAt(segments);
            bytes32 asked = judge.challengeMemory(next, _memoriesAt(segments), _slot(), MOST);
            _wrong(asked);
            judge.answerMemory(asked, 0, there.rowsRoot, there.proof);
            _wrong(asked);
            judge.answerMemory(asked, id, keccak256("other"), there.proof);
            judge.answerMemory(asked, id, there.rowsRoot, there.proof);
            _assertServed(asked);
            asked = judge.challengeMemory(next, _memoriesAt(segments), _slot() ^ 1, MOST);
            bytes32[] memory proof = Grove.path(WeftTree.MEMORY, _memories(segments), _slot() ^ 1);
            judge.answerMemory(asked, 0, 0, proof);
            _assertServed(asked);
        }
    }

    function test_MemoriesThatTheTraceDoesNotHave() public {
        MemoriesAt memory memories = _memoriesAt(2);
        _noPlace("slot");
        judge.challengeMemory(next, memories, 1 << 40, MOST);
        memories.root = keccak256("other");
        _noPlace("path");
        judge.challengeMemory(next, memories, 0, MOST);
        memories.segments = 0;
        _noPlace("segments");
        judge.challengeMemory(next, memories, 0, MOST);
        memories.segments = 4;
        _noPlace("segments");
        judge.challengeMemory(next, memories, 0, MOST);
    }

    function test_RowsAreServed() public {
        MemoryAt memory there = _memoryAt(3);
        RowAt memory row = _rowAt();
        bytes32 asked = judge.challengeRow(next, _memoriesAt(3), there, 77, MOST);
        _wrong(asked);
        judge.answerRow(asked, 0, row.total, row.distinct, row.proof);
        _wrong(asked);
        judge.answerRow(asked, row.root, row.total + 1, row.distinct, row.proof);
        judge.answerRow(asked, row.root, row.total, row.distinct, row.proof);
        _assertServed(asked);
        asked = judge.challengeRow(next, _memoriesAt(3), there, 78, MOST);
        judge.answerRow(asked, 0, 0, 0, Grove.path(WeftTree.MEMORY_ROWS, Matrix.leaves(_rows(3)), 78));
        _assertServed(asked);
        MemoriesAt memory memories = _memoriesAt(3);
        _noPlace("row");
        judge.challengeRow(next, memories, there, 1 << 19, MOST);
        there.rowsRoot = keccak256("other");
        _noPlace("path");
        judge.challengeRow(next, memories, there, 77, MOST);
    }

    function test_EveryTileIsServed() public {
        uint32[] memory row = _rows(3)[0].cells;
        for (uint32 tile = 0; tile < 4; ++tile) {
            bytes32 asked =
                judge.challengeTile(next, _memoriesAt(3), _memoryAt(3), _rowAt(), definition, tile, MOST);
            (bytes memory cells, SumNode[] memory siblings) = _tileOf(row, tile);
            _wrong(asked);
            judge.answerTile(asked, bytes.concat(cells, hex"00000000"), siblings);
            _wrong(asked);
            judge.answerTile(asked, cells, new SumNode[](1));
            cells[0] ^= 0x01;
            _wrong(asked);
            judge.answerTile(asked, cells, siblings);
            cells[0] ^= 0x01;
            siblings[0].total += 1;
            _wrong(asked);
            judge.answerTile(asked, cells, siblings);
            siblings[0].total -= 1;
            judge.answerTile(asked, cells, siblings);
            _assertServed(asked);
        }
    }

    function _noTile(string memory part, MemoryAt memory there, RowAt memory row, bytes memory defined, uint32 tile)
        private
    {
        MemoriesAt memory memories = _memoriesAt(3);
        _noPlace(part);
        judge.challengeTile(next, memories, there, row, defined, tile, MOST);
    }

    function test_TilesThatNoRowHas() public {
        MemoryAt memory there = _memoryAt(3);
        RowAt memory row = _rowAt();
        _noTile("tile", there, row, definition, 4);
        _noTile("definition", there, row, bytes.concat(definition, hex"00"), 0);
        row.total += 1;
        _noTile("path", there, row, definition, 0);
        row.total -= 1;
        there.proof[0] = keccak256("other");
        _noTile("path", there, row, definition, 0);
    }
}
