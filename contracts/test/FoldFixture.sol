// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FoldCourt} from "../courts/FoldCourt.sol";
import {FoldProof, TraceEntry} from "../interfaces/IFoldCourt.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, SnapshotProof} from "../libraries/WeftTypes.sol";
import {Bodies, Place} from "./Bodies.sol";
import {Grove, Leaf} from "./Grove.sol";
import {Matrix, MatrixRow} from "./Matrix.sol";
import {WeftFixture} from "./WeftFixture.sol";

/// @notice What is learnt of a turn's tokens, the first of which is at position 0.
struct Lesson {
    uint32[] ids;
    uint32 start;
    uint32 first;
    uint32 count;
}

/// @notice Checkpoints of two segments, the first of which teaches nothing, and proofs of what the second one teaches.
abstract contract FoldFixture is WeftFixture {
    uint32 internal constant COLUMNS = 200; // four tiles
    bytes internal constant ORDERS = hex"0102";
    bytes32 internal constant SALT = keccak256("salt");
    bytes16 internal constant HIDDEN = bytes16(uint128(9));

    FoldCourt internal judge;
    bytes internal definition;
    bytes32 internal id;

    function setUp() public virtual override {
        super.setUp();
        _found();
        judge = new FoldCourt(ledger);
        manager.grantRole(1, address(judge), 0);
        manager.grantRole(5, address(judge), 0);
        _define(new address[](0));
    }

    function _define(address[] memory writers) internal {
        definition = Bodies.definition(COLUMNS, ORDERS, SALT, writers);
        id = keccak256(abi.encodePacked("Weft memory", definition));
    }

    /// @dev Token 250 is none that the memory counts.
    function _lesson() internal pure returns (Lesson memory) {
        uint32[6] memory said = [uint32(7), 199, 7, 5, 250, 64];
        uint32[] memory ids = new uint32[](6);
        for (uint256 i = 0; i < 6; ++i) {
            ids[i] = said[i];
        }
        return Lesson(ids, 2, 2, 4);
    }

    function _learnBody(Lesson memory lesson) internal view returns (bytes memory) {
        bytes memory range = abi.encodePacked(lesson.start, lesson.first, lesson.count);
        bytes32 root = Grove.contextRoot(lesson.ids);
        return Bodies.learn(keccak256("turn"), Place(1, 0), definition, range, uint32(lesson.ids.length), root);
    }

    function _row(uint256 order, uint32[] memory ids, uint256 position) internal pure returns (uint256) {
        uint256 hash = uint32(uint256(SALT) >> (224 - 32 * order));
        for (uint256 i = position - uint8(ORDERS[order]); i < position; ++i) {
            hash = ((hash ^ ids[i]) * 0x9e3779b1) % 2 ** 32;
            hash ^= hash >> 15;
        }
        hash = (hash * 0x85ebca77) % 2 ** 32;
        return order * 65536 + ((hash ^ (hash >> 13)) >> 16);
    }

    /// @dev The rows after a lesson, and the openings of the cells that it touches.
    function _learnt(MatrixRow[] memory rows, Lesson memory lesson)
        internal
        pure
        returns (MatrixRow[] memory after_, bytes memory openings)
    {
        after_ = _copy(rows);
        for (uint256 position = lesson.first; position < lesson.first + lesson.count; ++position) {
            uint32 token = lesson.ids[position];
            for (uint256 order = 0; order < ORDERS.length && token < COLUMNS; ++order) {
                if (position < lesson.start + uint8(ORDERS[order])) continue;
                uint256 index;
                (after_, index) = Matrix.indexOf(after_, _row(order, lesson.ids, position), COLUMNS);
                openings = bytes.concat(openings, Matrix.opening(after_, index, token));
                uint32 cell = after_[index].cells[token];
                Matrix.put(after_[index], token, cell == type(uint32).max ? 0 : cell + 1);
            }
        }
    }

    function _copy(MatrixRow[] memory rows) internal pure returns (MatrixRow[] memory copied) {
        copied = new MatrixRow[](rows.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            copied[i] = MatrixRow(rows[i].place, new uint32[](rows[i].cells.length), rows[i].leaf);
            for (uint256 cell = 0; cell < rows[i].cells.length; ++cell) {
                copied[i].cells[cell] = rows[i].cells[cell];
            }
        }
    }

    /// @dev A memory that is there; beside it stands another one.
    function _memories(bytes32 memoryId, bytes32 rowsRoot) internal view returns (Leaf[] memory leaves) {
        uint256 slot = uint256(id) >> 216;
        leaves = new Leaf[](2);
        leaves[0] = Leaf(slot, keccak256(abi.encodePacked(uint8(0x06), memoryId, rowsRoot)));
        if (rowsRoot == WeftTree.emptyRoot(WeftTree.MEMORY_ROWS)) leaves[0].hash = keccak256(hex"06");
        leaves[1] = Leaf(slot ^ 5, keccak256("beside"));
    }

    function _memoryRoot(MatrixRow[] memory rows) internal view returns (bytes32) {
        return Grove.root(WeftTree.MEMORY, _memories(id, Matrix.rootOf(rows)));
    }

    /// @dev A committed checkpoint after one with these rows; its second segment says `body` and leaves `stated`.
    function _commitFold(bytes32 before, bytes32 stated, bytes memory body) internal returns (FoldProof memory proof) {
        Checkpoint memory parent = _nextCheckpoint();
        parent.memoryRoot = before;
        _commit(parent);
        SnapshotProof memory last;
        Leaf[] memory snapshots = Grove.only(WeftTree.leaf(WeftTree.SNAPSHOTS, abi.encodePacked(HIDDEN, body)));
        (last.salt, last.body, last.segmentIndex) = (HIDDEN, body, 1);
        last.snapshotProof = Grove.path(WeftTree.SNAPSHOTS, snapshots, 0);
        last.header = _header(0, 2, Grove.root(WeftTree.SNAPSHOTS, snapshots));
        bytes32[] memory segments = new bytes32[](2);
        segments[0] = WeftHash.segmentLeaf(ledger.headerHash(_header(0, 1, keccak256("quiet"))));
        segments[1] = WeftHash.segmentLeaf(ledger.headerHash(last.header));
        last.segmentProof = Grove.path(WeftTree.SEGMENTS, Grove.row(segments), 1);
        bytes32[] memory trace = new bytes32[](2);
        trace[0] = WeftHash.memoryTraceLeaf(before);
        trace[1] = WeftHash.memoryTraceLeaf(stated);
        Checkpoint memory next = _nextCheckpoint();
        (next.segmentCount, next.memoryRoot) = (2, stated);
        next.segmentsRoot = Grove.root(WeftTree.SEGMENTS, Grove.row(segments));
        next.memoryTraceRoot = Grove.root(WeftTree.MEMORY_TRACE, Grove.row(trace));
        last.number = next.number;
        _commit(next);
        (proof.checkpoint, proof.parent, proof.last) = (next, parent, last);
        proof.before = TraceEntry(before, Grove.path(WeftTree.MEMORY_TRACE, Grove.row(trace), 0));
        proof.stated = TraceEntry(stated, Grove.path(WeftTree.MEMORY_TRACE, Grove.row(trace), 1));
    }

    /// @dev Adds to a proof what is read of a memory that is there, or of its empty place.
    /// @param openings Of the cells that the lesson touches.
    function _open(FoldProof memory proof, MatrixRow[] memory rows, Lesson memory lesson, bytes memory openings)
        internal
        view
    {
        proof.slotMemory = id;
        proof.rowsRoot = Matrix.rootOf(rows);
        uint256 longest = uint8(ORDERS[ORDERS.length - 1]);
        uint256 from = lesson.first < lesson.start + longest ? lesson.start : lesson.first - longest;
        uint256 end = lesson.first + lesson.count;
        proof.tokens = new uint32[](end - from);
        for (uint256 i = from; i < end; ++i) {
            proof.tokens[i - from] = lesson.ids[i];
        }
        proof.tokenSiblings = Grove.beside(lesson.ids, from, end - 1);
        proof.openings = bytes.concat(openings, _besideMemory());
    }

    function _besideMemory() internal view returns (bytes memory) {
        return Grove.opening(WeftTree.MEMORY, _memories(id, 0), uint256(id) >> 216);
    }

    function _commit(Checkpoint memory next) internal {
        (bytes memory signatures,) = _attest(next, type(uint256).max);
        ledger.commit(next, set, signatures);
    }

    function _fell(Checkpoint memory checkpoint) internal view returns (bool) {
        bytes32 hash = WeftHash.checkpointHash(ledger.domainSeparator(), checkpoint);
        return judge.condemned(hash) && ledger.checkpoint(checkpoint.number).fallen;
    }
}
