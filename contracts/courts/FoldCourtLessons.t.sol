// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FoldProof, IFoldCourt} from "../interfaces/IFoldCourt.sol";
import {LearnSnapshot} from "../libraries/LearnSnapshot.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {FoldFixture, Lesson} from "../test/FoldFixture.sol";
import {Grove, Leaf} from "../test/Grove.sol";
import {Matrix, MatrixRow} from "../test/Matrix.sol";
import {VM} from "../test/Vm.sol";

/// What a segment that learns leaves behind, against memories that are built the obvious way.
contract FoldCourtLessonsTest is FoldFixture {
    /// @dev Rows that a lesson finds: none, or some that it touches and one that it does not.
    function _rows(Lesson memory lesson, bool some, uint32 seen) private pure returns (MatrixRow[] memory rows) {
        rows = new MatrixRow[](0);
        if (!some) return rows;
        uint256 index;
        (rows, index) = Matrix.indexOf(rows, _row(0, lesson.ids, 5), COLUMNS);
        Matrix.put(rows[index], lesson.ids[5], seen);
        Matrix.put(rows[index], 130, 3);
        (rows, index) = Matrix.indexOf(rows, _row(1, lesson.ids, 5), COLUMNS);
        Matrix.put(rows[index], 0, seen);
        (rows, index) = Matrix.indexOf(rows, 77, COLUMNS);
        Matrix.put(rows[index], COLUMNS - 1, 1);
    }

    /// @dev The checkpoint says what is right, with all that is needed to see it.
    function _honest(Lesson memory lesson, MatrixRow[] memory rows) private returns (FoldProof memory proof) {
        (MatrixRow[] memory after_, bytes memory openings) = _learnt(rows, lesson);
        proof = _commitFold(_memoryRoot(rows), _memoryRoot(after_), _learnBody(lesson));
        _open(proof, rows, lesson, openings);
    }

    function _sound(FoldProof memory proof) private {
        VM.expectRevert(IFoldCourt.FoldCourtSound.selector);
        judge.proveFold(proof);
    }

    function _nowhere(FoldProof memory proof, string memory part) private {
        VM.expectRevert(abi.encodeWithSelector(IFoldCourt.FoldCourtNotProven.selector, part));
        judge.proveFold(proof);
    }

    /// forge-config: default.fuzz.runs = 8
    function testFuzz_WhatIsLearntIsAdded(bool some, uint32 seen, uint32[6] memory ids, uint8 first) public {
        Lesson memory lesson = _lesson();
        for (uint256 i = 0; i < 6; ++i) {
            lesson.ids[i] = ids[i] % (COLUMNS + 10);
        }
        lesson.first = 2 + first % 4;
        lesson.count = 6 - lesson.first;
        _sound(_honest(lesson, _rows(lesson, some, seen)));
    }

    /// The one that is added to the most that a cell holds makes it zero.
    function test_CountsWrapAround() public {
        Lesson memory lesson = _lesson();
        MatrixRow[] memory rows = _rows(lesson, true, type(uint32).max);
        (MatrixRow[] memory after_,) = _learnt(rows, lesson);
        assert(after_[0].cells[lesson.ids[5]] == 0);
        _sound(_honest(lesson, rows));
    }

    /// One row whose only cell wraps around is no row any more, and one memory of such rows no memory.
    function test_WhatIsBackAtZeroIsGone() public {
        Lesson memory lesson = _lesson();
        (lesson.first, lesson.count, lesson.start) = (5, 1, 4);
        (MatrixRow[] memory rows, uint256 index) = Matrix.indexOf(new MatrixRow[](0), _row(0, lesson.ids, 5), COLUMNS);
        Matrix.put(rows[index], lesson.ids[5], type(uint32).max);
        (MatrixRow[] memory after_,) = _learnt(rows, lesson);
        assert(Matrix.rootOf(after_) == WeftTree.emptyRoot(WeftTree.MEMORY_ROWS));
        _sound(_honest(lesson, rows));
    }

    /// forge-config: default.fuzz.runs = 4
    function testFuzz_AnythingElseIsCondemned(bytes32 stated, bool some) public {
        Lesson memory lesson = _lesson();
        MatrixRow[] memory rows = _rows(lesson, some, 1);
        (MatrixRow[] memory after_, bytes memory openings) = _learnt(rows, lesson);
        VM.assume(stated != 0 && stated != _memoryRoot(after_));
        FoldProof memory proof = _commitFold(_memoryRoot(rows), stated, _learnBody(lesson));
        _open(proof, rows, lesson, openings);
        judge.proveFold(proof);
        assert(_fell(proof.checkpoint));
    }

    function test_WhoeverIsNoWriterTeachesNothing() public {
        address[] memory writers = new address[](2);
        (writers[0], writers[1]) = (_owner(1), _owner(2));
        _define(writers);
        Lesson memory lesson = _lesson();
        FoldProof memory proof = _honest(lesson, _rows(lesson, true, 1));
        judge.proveFold(proof);
        assert(_fell(proof.checkpoint));
        bytes32 before = proof.parent.memoryRoot;
        _sound(_commitFold(before, before, _learnBody(lesson)));
    }

    function test_AWriterTeaches() public {
        address[] memory writers = new address[](2);
        (writers[0], writers[1]) = (_owner(0), _owner(2));
        _define(writers);
        Lesson memory lesson = _lesson();
        _sound(_honest(lesson, _rows(lesson, true, 1)));
    }

    /// Two memories whose ids begin alike: whichever was first has the place.
    function test_WhereAnotherMemoryIsNothingIsLearnt() public {
        Lesson memory lesson = _lesson();
        (bytes32 another, bytes32 itsRows) = (keccak256("another"), keccak256("its rows"));
        bytes32 root = Grove.root(WeftTree.MEMORY, _memories(another, itsRows));
        FoldProof memory proof = _commitFold(root, root, _learnBody(lesson));
        (proof.slotMemory, proof.rowsRoot, proof.openings) = (another, itsRows, _besideMemory());
        _sound(proof);
        proof.rowsRoot = keccak256("not its rows");
        _nowhere(proof, "memory");
        proof = _commitFold(root, keccak256("more"), _learnBody(lesson));
        (proof.slotMemory, proof.rowsRoot, proof.openings) = (another, itsRows, _besideMemory());
        judge.proveFold(proof);
        assert(_fell(proof.checkpoint));
    }

    function test_NobodysMemoryKeepsAnEmptyPlace() public {
        Lesson memory lesson = _lesson();
        FoldProof memory proof = _honest(lesson, new MatrixRow[](0));
        (proof.slotMemory, proof.openings) = (keccak256("nobody's"), _besideMemory());
        _nowhere(proof, "place");
        (proof.slotMemory, proof.rowsRoot) = (id, keccak256("rows"));
        _nowhere(proof, "cell");
    }

    /// Beside the only tile of a row stands a hash of something that has no cells: there is still no other tile.
    function test_WhatHasNoCellsHasNoHash() public {
        Lesson memory lesson = _lesson();
        (lesson.first, lesson.count, lesson.start) = (5, 1, 4);
        FoldProof memory proof = _honest(lesson, new MatrixRow[](0));
        bytes memory rest = abi.encodePacked(uint64(0), _besideMemory());
        assert(keccak256(proof.openings) == keccak256(abi.encodePacked(uint64(0), uint64(0), rest)));
        proof.openings = abi.encodePacked(uint64(0), uint64(1), keccak256("something"), uint96(0), rest);
        _sound(proof);
    }

    function test_WhatDoesNotLeadThereProvesNothing() public {
        FoldProof memory proof = _honest(_lesson(), _rows(_lesson(), true, 1));
        bytes memory openings = proof.openings;
        proof.openings = bytes.concat(openings, hex"00");
        _nowhere(proof, "openings");
        openings[23] ^= 0x01; // a sibling of the first row
        proof.openings = openings;
        _nowhere(proof, "cell");
        openings[23] ^= 0x01;
        openings[openings.length - 1] ^= 0x01;
        _nowhere(proof, "memory");
        openings[openings.length - 1] ^= 0x01;
        proof.tokens[3] ^= 1;
        _nowhere(proof, "tokens");
        proof.tokens[3] ^= 1;
        proof.tokenSiblings = new bytes32[](proof.tokenSiblings.length);
        _nowhere(proof, "tokens");
        // They are in the context, and do not go as far as what is learnt.
        uint32[] memory fewer = new uint32[](3);
        (fewer[0], fewer[1], fewer[2]) = (proof.tokens[0], proof.tokens[1], proof.tokens[2]);
        (proof.tokens, proof.tokenSiblings) = (fewer, Grove.beside(_lesson().ids, 2, 4));
        _nowhere(proof, "tokens");
    }

    function test_TheSegmentStandsWhereItIsSaidTo() public {
        Lesson memory lesson = _lesson();
        MatrixRow[] memory rows = _rows(lesson, true, 1);
        FoldProof memory proof = _honest(lesson, rows);
        proof.before.memoryRoot = keccak256("other");
        _nowhere(proof, "trace");
        proof.before.memoryRoot = proof.parent.memoryRoot;
        proof.stated.memoryRoot = keccak256("other");
        _nowhere(proof, "trace");
        proof.stated.memoryRoot = proof.checkpoint.memoryRoot;
        proof.last.segmentIndex = 2;
        _nowhere(proof, "segment");
        proof.last.segmentIndex = 1;
        proof.last.number -= 1;
        _nowhere(proof, "number");
        proof.last.number += 1;
        proof.last.salt = bytes16(uint128(1));
        _nowhere(proof, "snapshot");
        proof.last.salt = HIDDEN;
        proof.last.header.snapshotCount = 2;
        _nowhere(proof, "last");
    }

    /// What no valid segment says cannot be judged here: that it was said at all is the cut court's.
    function test_AMalformedLessonIsNotJudged() public {
        Lesson memory lesson = _lesson();
        bytes32 root = _memoryRoot(new MatrixRow[](0));
        FoldProof memory proof = _commitFold(root, root, bytes.concat(_learnBody(lesson), hex"00"));
        VM.expectRevert(abi.encodeWithSelector(LearnSnapshot.LearnSnapshotInvalid.selector, "length"));
        judge.proveFold(proof);
    }
}
