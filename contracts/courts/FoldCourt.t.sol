// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAttesterCourt} from "../interfaces/IAttesterCourt.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {FoldProof, IFoldCourt, TraceEntry} from "../interfaces/IFoldCourt.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";
import {Grove, Leaf} from "../test/Grove.sol";
import {VM} from "../test/Vm.sol";
import {WeftFixture} from "../test/WeftFixture.sol";
import {FoldCourt} from "./FoldCourt.sol";

/// One segment with one snapshot that teaches nothing. What is learnt is in `FoldCourtLessons.t.sol`.
contract FoldCourtTest is WeftFixture {
    bytes private constant BODY = hex"04";
    bytes16 private constant SALT = bytes16(uint128(9));

    FoldCourt private judge;
    Checkpoint private parent;

    function setUp() public override {
        super.setUp();
        _found();
        judge = new FoldCourt(ledger);
        manager.grantRole(1, address(judge), 0);
        manager.grantRole(5, address(judge), 0);
        parent = _nextCheckpoint();
        parent.memoryRoot = keccak256("memory");
        _commit(parent);
    }

    function testFuzz_ASegmentThatTeachesNothingChangesNothing(bytes32 after_, bytes1 kind) public {
        VM.assume(after_ != parent.memoryRoot && after_ != 0 && kind != 0x03);
        FoldProof memory proof = _proof(after_, bytes.concat(kind));
        judge.proveFold(proof);
        _assertCondemned(proof.checkpoint);
    }

    function test_TheMemoryStaysAsItIs() public {
        FoldProof memory proof = _proof(parent.memoryRoot, BODY);
        VM.expectRevert(IFoldCourt.FoldCourtSound.selector);
        judge.proveFold(proof);
        VM.expectRevert(IFoldCourt.FoldCourtSound.selector);
        judge.proveEnd(proof.checkpoint, parent, proof.stated);
        VM.expectRevert(IFoldCourt.FoldCourtSound.selector);
        judge.proveCount(proof.checkpoint, 0, WeftHash.memoryTraceLeaf(parent.memoryRoot), proof.stated.proof);
    }

    function testFuzz_TheLastEntryIsTheMemoryRoot(bytes32 root) public {
        VM.assume(root != parent.memoryRoot && root != 0);
        FoldProof memory proof = _made(parent.memoryRoot, BODY);
        proof.checkpoint.memoryRoot = root;
        _commit(proof.checkpoint);
        judge.proveEnd(proof.checkpoint, parent, proof.stated);
        _assertCondemned(proof.checkpoint);
    }

    function testFuzz_WithoutSegmentsTheMemoryIsTheParents(bytes32 root, TraceEntry memory nothing) public {
        VM.assume(root != parent.memoryRoot && root != 0);
        Checkpoint memory next = _nextCheckpoint();
        next.memoryRoot = root;
        _commit(next);
        judge.proveEnd(next, parent, nothing);
        _assertCondemned(next);
    }

    function testFuzz_ATraceHasOneEntryForEachSegment(uint8 segments) public {
        VM.assume(segments != 1);
        FoldProof memory proof = _made(parent.memoryRoot, BODY);
        proof.checkpoint.segmentCount = segments;
        _commit(proof.checkpoint);
        // There is an entry at 0 and none at 1.
        uint256 place = segments == 0 ? 0 : 1;
        bytes32[] memory siblings = proof.stated.proof;
        bytes32 leaf = WeftHash.memoryTraceLeaf(parent.memoryRoot);
        if (segments > 1) {
            siblings[0] = leaf;
            leaf = WeftTree.emptyLeaf(WeftTree.MEMORY_TRACE);
        }
        judge.proveCount(proof.checkpoint, place, leaf, siblings);
        _assertCondemned(proof.checkpoint);
    }

    function test_AnotherCheckpointOrParentProvesNothing() public {
        FoldProof memory proof = _proof(keccak256("wrong"), BODY);
        proof.parent.memoryRoot = keccak256("other");
        VM.expectRevert(abi.encodeWithSelector(IFoldCourt.FoldCourtNotProven.selector, "parent"));
        judge.proveFold(proof);
        proof.parent = parent;
        bytes32 there = ledger.checkpointHash(proof.checkpoint.number);
        proof.checkpoint.memoryRoot = keccak256("other");
        bytes32 hash = WeftHash.checkpointHash(ledger.domainSeparator(), proof.checkpoint);
        VM.expectRevert(
            abi.encodeWithSelector(
                IAttesterCourt.AttesterCourtUnknownCheckpoint.selector, proof.checkpoint.number, there, hash
            )
        );
        judge.proveFold(proof);
    }

    /// And nothing is looked at, so not even that it is sound is said.
    function test_NothingIsProvenWhenItIsFinal() public {
        FoldProof memory proof = _proof(parent.memoryRoot, BODY);
        bytes32[] memory siblings = proof.stated.proof;
        VM.warp(block.timestamp + CHALLENGE_WINDOW);
        bytes memory isFinal =
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerFinal.selector, proof.checkpoint.number);
        VM.expectRevert(isFinal);
        judge.proveFold(proof);
        VM.expectRevert(isFinal);
        judge.proveEnd(proof.checkpoint, parent, proof.stated);
        VM.expectRevert(isFinal);
        judge.proveCount(proof.checkpoint, 0, WeftHash.memoryTraceLeaf(parent.memoryRoot), siblings);
    }

    function test_NoPlaceOfAnotherTraceIsCounted() public {
        FoldProof memory proof = _proof(parent.memoryRoot, BODY);
        VM.expectRevert(abi.encodeWithSelector(IFoldCourt.FoldCourtNotProven.selector, "trace"));
        judge.proveCount(proof.checkpoint, 1, keccak256("something"), proof.stated.proof);
    }

    function _assertCondemned(Checkpoint memory checkpoint) private view {
        assert(judge.condemned(WeftHash.checkpointHash(ledger.domainSeparator(), checkpoint)));
        assert(ledger.checkpoint(checkpoint.number).fallen);
    }

    /// @dev A committed checkpoint whose one segment leaves this memory root.
    function _proof(bytes32 root, bytes memory body) private returns (FoldProof memory proof) {
        proof = _made(root, body);
        _commit(proof.checkpoint);
    }

    function _made(bytes32 root, bytes memory body) private view returns (FoldProof memory proof) {
        SnapshotProof memory last;
        last.snapshotProof = _alone(WeftTree.SNAPSHOTS);
        last.segmentProof = _alone(WeftTree.SEGMENTS);
        bytes32 leaf = WeftTree.leaf(WeftTree.SNAPSHOTS, abi.encodePacked(SALT, body));
        last.header = _header(0, 1, _root(WeftTree.SNAPSHOTS, leaf));
        last.salt = SALT;
        last.body = body;
        Checkpoint memory next = _nextCheckpoint();
        next.segmentCount = 1;
        next.segmentsRoot = _root(WeftTree.SEGMENTS, WeftHash.segmentLeaf(_hash(last.header)));
        next.memoryRoot = root;
        next.memoryTraceRoot = _root(WeftTree.MEMORY_TRACE, WeftHash.memoryTraceLeaf(root));
        last.number = next.number;
        proof.checkpoint = next;
        proof.parent = parent;
        proof.stated = TraceEntry(root, _alone(WeftTree.MEMORY_TRACE));
        proof.last = last;
    }

    function _hash(SegmentHeader memory header) private view returns (bytes32) {
        return ledger.headerHash(header);
    }

    function _commit(Checkpoint memory next) private {
        (bytes memory signatures,) = _attest(next, type(uint256).max);
        ledger.commit(next, set, signatures);
    }

    /// @dev Siblings of the first leaf of a tree that has no other.
    function _alone(uint8 kind) private pure returns (bytes32[] memory) {
        return Grove.path(kind, new Leaf[](0), 0);
    }

    function _root(uint8 kind, bytes32 leaf) private pure returns (bytes32) {
        return Grove.root(kind, Grove.only(leaf));
    }
}
