// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AvailabilityCourt} from "../courts/AvailabilityCourt.sol";
import {
    IAvailabilityCourt,
    MemoriesAt,
    MemoryAt,
    RowAt,
    State,
    SumNode
} from "../interfaces/IAvailabilityCourt.sol";
import {HeaderAt} from "../interfaces/ICutCourt.sol";
import {RowNode} from "../libraries/MemoryTree.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, CutEntry, SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";
import {Bodies, Place} from "./Bodies.sol";
import {Grove, Leaf} from "./Grove.sol";
import {Matrix, MatrixRow} from "./Matrix.sol";
import {VM} from "./Vm.sol";
import {WeftFixture} from "./WeftFixture.sol";

/// @notice A checkpoint with something of every kind that can be asked for: one entry; three segments, of which the first
/// has snapshots, the second is nobody's and the third counts too many; two memories, learnt in the first and third.
abstract contract PlaceFixture is WeftFixture {
    uint256 internal constant MOST = type(uint256).max;
    uint32 internal constant COLUMNS = 200; // four tiles
    bytes16 internal constant HIDDEN = bytes16(uint128(9));
    bytes32 internal constant TURN = keccak256("turn");

    AvailabilityCourt internal judge;
    Checkpoint internal next;
    bytes internal definition;
    bytes32 internal id;

    function setUp() public virtual override {
        super.setUp();
        _found();
        judge = new AvailabilityCourt(ledger, 1, 4, 6);
        manager.grantRole(1, address(judge), 0);
        manager.grantRole(5, address(judge), 0);
        token.mint(address(this), 1 ether);
        token.approve(address(judge), MOST);
        definition = Bodies.definition(COLUMNS, hex"0102", keccak256("salt"), new address[](0));
        id = keccak256(abi.encodePacked("Weft memory", definition));
        next = _nextCheckpoint();
        next.cutRoot = Grove.root(WeftTree.CUT, _cut());
        (next.entryCount, next.segmentCount) = (1, 3);
        next.segmentsRoot = Grove.root(WeftTree.SEGMENTS, _segments());
        next.memoryTraceRoot = Grove.root(WeftTree.MEMORY_TRACE, _trace());
        next.memoryRoot = _memoryRoot(3);
        (bytes memory signatures,) = _attest(next, MOST);
        ledger.commit(next, set, signatures);
    }

    function _entry() internal pure returns (CutEntry memory) {
        return CutEntry(_owner(0), bytes16(uint128(7)), 1, keccak256("head"), false, 0);
    }

    function _cut() internal pure returns (Leaf[] memory) {
        CutEntry memory e = _entry();
        bytes memory data = abi.encodePacked(e.operator, e.incarnation, e.sequence, e.head, e.ended, e.first);
        return Grove.only(WeftTree.leaf(WeftTree.CUT, data));
    }

    function _ids() internal pure returns (uint32[] memory ids) {
        ids = new uint32[](3);
        (ids[0], ids[1], ids[2]) = (5, 6, 7);
    }

    /// @dev Tokens, a close, and tokens that no context has.
    function _bodies() internal pure returns (bytes[] memory bodies) {
        Place memory first = Place(1, 0);
        bodies = new bytes[](5);
        bodies[0] = Bodies.tokens(TURN, first, 0, 3, Grove.contextRoot(_ids()), _ids());
        bodies[1] = Bodies.close(TURN, first, keccak256("request"), 3, Grove.contextRoot(_ids()), 1);
        bodies[2] = Bodies.tokens(TURN, first, 0, 3, Grove.contextRoot(_ids()), new uint32[](0));
        bodies[3] = Bodies.tokens(TURN, first, (1 << 24) - 3, 3, Grove.contextRoot(_ids()), _ids());
        bodies[4] = Bodies.tokens(TURN, first, (1 << 24) - 4, 3, Grove.contextRoot(_ids()), _ids());
    }

    function _snapshots() internal pure returns (Leaf[] memory) {
        bytes[] memory bodies = _bodies();
        bytes32[] memory hashes = new bytes32[](bodies.length);
        for (uint256 i = 0; i < bodies.length; ++i) {
            hashes[i] = WeftTree.leaf(WeftTree.SNAPSHOTS, abi.encodePacked(HIDDEN, bodies[i]));
        }
        return Grove.row(hashes);
    }

    function _headerOf(uint256 index) internal pure returns (SegmentHeader memory header) {
        header = _header(0, uint64(index + 1), Grove.root(WeftTree.SNAPSHOTS, _snapshots()));
        if (index == 0) header.snapshotCount = 5;
        if (index == 1) header.operator = address(0);
        if (index == 2) header.snapshotCount = 257;
    }

    function _segments() internal view returns (Leaf[] memory) {
        bytes32[] memory hashes = new bytes32[](3);
        for (uint256 i = 0; i < 3; ++i) {
            hashes[i] = WeftHash.segmentLeaf(ledger.headerHash(_headerOf(i)));
        }
        return Grove.row(hashes);
    }

    function _headerAt(uint256 index) internal view returns (HeaderAt memory) {
        return HeaderAt(index, _headerOf(index), Grove.path(WeftTree.SEGMENTS, _segments(), index));
    }

    function _snapshotAt(uint32 index) internal view returns (SnapshotProof memory proof) {
        HeaderAt memory segment = _headerAt(0);
        (proof.number, proof.header, proof.segmentProof) = (next.number, segment.header, segment.proof);
        (proof.snapshotIndex, proof.salt, proof.body) = (index, HIDDEN, _bodies()[index]);
        proof.snapshotProof = Grove.path(WeftTree.SNAPSHOTS, _snapshots(), index);
    }

    /// @dev The memory's rows after so many segments.
    function _rows(uint256 segments) internal pure returns (MatrixRow[] memory rows) {
        uint256 index;
        (rows, index) = Matrix.indexOf(new MatrixRow[](0), 77, COLUMNS);
        Matrix.put(rows[index], 3, 1);
        Matrix.put(rows[index], 130, uint32(segments));
        Matrix.put(rows[index], 140, type(uint32).max);
        (rows, index) = Matrix.indexOf(rows, 65536, COLUMNS);
        Matrix.put(rows[index], 64, 2);
    }

    function _memories(uint256 segments) internal view returns (Leaf[] memory leaves) {
        leaves = new Leaf[](2);
        bytes32 rowsRoot = Matrix.rootOf(_rows(segments < 3 ? 1 : 3));
        leaves[0] = Leaf(_slot(), keccak256(abi.encodePacked(uint8(0x06), id, rowsRoot)));
        leaves[1] = Leaf(_slot() ^ 5, keccak256("beside"));
    }

    function _slot() internal view returns (uint64) {
        return uint64(uint256(id) >> 216);
    }

    function _memoryRoot(uint256 segments) internal view returns (bytes32) {
        return Grove.root(WeftTree.MEMORY, _memories(segments));
    }

    function _trace() internal view returns (Leaf[] memory) {
        bytes32[] memory hashes = new bytes32[](3);
        for (uint256 i = 0; i < 3; ++i) {
            hashes[i] = WeftHash.memoryTraceLeaf(_memoryRoot(i + 1));
        }
        return Grove.row(hashes);
    }

    function _memoriesAt(uint32 segments) internal view returns (MemoriesAt memory) {
        if (segments == 3) return MemoriesAt(3, 0, new bytes32[](0));
        return MemoriesAt(
            segments, _memoryRoot(segments), Grove.path(WeftTree.MEMORY_TRACE, _trace(), segments - 1)
        );
    }

    function _memoryAt(uint256 segments) internal view returns (MemoryAt memory) {
        bytes32 rowsRoot = Matrix.rootOf(_rows(segments < 3 ? 1 : 3));
        return MemoryAt(_slot(), id, rowsRoot, Grove.path(WeftTree.MEMORY, _memories(segments), _slot()));
    }

    function _rowAt() internal pure returns (RowAt memory) {
        MatrixRow[] memory rows = _rows(3);
        RowNode memory node = Matrix.rowOf(rows[0]);
        bytes32[] memory proof = Grove.path(WeftTree.MEMORY_ROWS, Matrix.leaves(rows), 77);
        return RowAt(77, node.hash, uint64(node.sums >> 32), uint32(node.sums), proof);
    }

    /// @dev All cells of a tile, and what stands beside its path.
    function _tileOf(uint32[] memory row, uint256 tile)
        internal
        pure
        returns (bytes memory cells, SumNode[] memory siblings)
    {
        for (uint256 i = 64 * tile; i < 64 * (tile + 1); ++i) {
            cells = bytes.concat(cells, bytes4(row[i]));
        }
        siblings = new SumNode[](2);
        for (uint256 level = 0; level < 2; ++level) {
            RowNode memory node = Matrix.nodeAt(row, level, (tile >> level) ^ 1);
            siblings[level] = SumNode(node.hash, uint64(node.sums >> 32), uint32(node.sums));
        }
    }

    function _noPlace(string memory part) internal {
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtNoSuchPlace.selector, part));
    }

    function _wrong(bytes32 asked) internal {
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongAnswer.selector, asked));
    }

    function _assertServed(bytes32 asked) internal view {
        assert(judge.challengeOf(asked).state == State.Answered);
    }
}
