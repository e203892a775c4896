// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAttesterCourt} from "../interfaces/IAttesterCourt.sol";
import {EntryAt, ICutCourt, QuietPosition} from "../interfaces/ICutCourt.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "../libraries/OperatorSet.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, CutEntry} from "../libraries/WeftTypes.sol";
import {Grove, Leaf} from "../test/Grove.sol";
import {VM} from "../test/Vm.sol";
import {WeftFixture} from "../test/WeftFixture.sol";
import {CutCourt} from "./CutCourt.sol";

/// @notice Who has ended, by what the registry records. The other accusations are in `cut/`.
contract CutCourtTest is WeftFixture {
    CutCourt private judge;
    Checkpoint private next;

    function setUp() public override {
        super.setUp();
        _found();
        judge = new CutCourt(ledger);
        manager.grantRole(1, address(judge), 0);
        manager.grantRole(5, address(judge), 0);
    }

    /// @dev A checkpoint whose only entry is of operator 0.
    function _commitEntry(bool ended) private returns (EntryAt memory here) {
        here.entry = CutEntry(_owner(0), bytes16(uint128(7)), 1, keccak256("head"), ended, 0);
        CutEntry memory e = here.entry;
        bytes memory data = abi.encodePacked(e.operator, e.incarnation, e.sequence, e.head, e.ended, e.first);
        Leaf[] memory leaves = Grove.only(WeftTree.leaf(WeftTree.CUT, data));
        here.proof = Grove.path(WeftTree.CUT, leaves, 0);
        next = _nextCheckpoint();
        (next.cutRoot, next.entryCount) = (Grove.root(WeftTree.CUT, leaves), 1);
        (bytes memory signatures,) = _attest(next, type(uint256).max);
        ledger.commit(next, set, signatures);
    }

    function _fell() private view returns (bool) {
        return ledger.checkpoint(next.number).fallen && judge.condemned(ledger.checkpointHash(next.number));
    }

    function _notProven(string memory part) private {
        VM.expectRevert(abi.encodeWithSelector(ICutCourt.CutCourtNotProven.selector, part));
    }

    function _member(EntryAt memory here, uint64 recorded, uint64 epoch, QuietPosition[] memory quiet) private {
        judge.proveMember(next, here, recorded, 4, bytes32(uint256(epoch)), set, quiet);
    }

    function _join5() private returns (QuietPosition[] memory quiet) {
        _join(5, MIN_STAKE);
        quiet = new QuietPosition[](1);
        quiet[0] = QuietPosition(1, keccak256(abi.encode(_owner(5), _signer(5), MIN_STAKE)));
    }

    function test_AConvictedOperatorsTrackThatGoesOn() public {
        _convict(0);
        EntryAt memory here = _commitEntry(false);
        uint64 position = registry.position();
        bytes32 setHash = OperatorSet.hash(set);
        _notProven("registry");
        judge.proveConvicted(next, here, position, keccak256("another set"));
        _notProven("registry");
        judge.proveConvicted(next, here, position - 1, setHash);
        _notProven("position");
        judge.proveConvicted(next, here, 0, setHash);
        here.entry.sequence = 2;
        _notProven("path");
        judge.proveConvicted(next, here, position, setHash);
        here.entry.sequence = 1;
        judge.proveConvicted(next, here, position, setHash);
        assert(_fell());
        judge.convict(ledger.checkpointHash(next.number), _sign(_key(1), ledger.checkpointHash(next.number)), set);
        assert(registry.operatorOf(_owner(1)).status == OperatorStatus.Convicted);
    }

    /// S9: what was true at the named position stays true, whatever happens after it.
    function test_ALaterConvictionEndsNothingBefore() public {
        EntryAt memory here = _commitEntry(false);
        _convict(0);
        uint64 position = registry.position();
        bytes32 setHash = OperatorSet.hash(set);
        _notProven("position");
        judge.proveConvicted(next, here, position, setHash);
    }

    function test_AnEndedTrackOfAConvictedOperatorIsSound() public {
        _convict(0);
        EntryAt memory here = _commitEntry(true);
        uint64 position = registry.position();
        bytes32 setHash = OperatorSet.hash(set);
        VM.expectRevert(ICutCourt.CutCourtSound.selector);
        judge.proveConvicted(next, here, position, setHash);
        _notProven("registry");
        judge.proveMember(next, here, position, 4, bytes32(uint256(2)), set, new QuietPosition[](0));
        // The set that the conviction left does not have it.
        _notProven("set");
        judge.proveMember(
            next, here, position, 5, bytes32(uint256(uint160(_owner(0)))), set, new QuietPosition[](0)
        );
    }

    function test_ATrackOfWhoIsGoneThatGoesOn() public {
        uint256[] memory before = set;
        _requestExit(0);
        uint64 exit = registry.position();
        _nextEpoch();
        _unlist(_signer(0));
        EntryAt memory here = _commitEntry(false);
        uint64 activation = registry.position();
        _notProven("registry");
        judge.proveGone(next, here, exit, activation, 3, set);
        _notProven("registry");
        judge.proveGone(next, here, exit, activation, 2, before);
        _notProven("registry");
        judge.proveGone(next, here, exit - 1, activation, 2, set);
        _notProven("position");
        judge.proveGone(next, here, exit, exit, 2, set);
        here.entry.sequence = 2;
        _notProven("path");
        judge.proveGone(next, here, exit, activation, 2, set);
        here.entry.sequence = 1;
        judge.proveGone(next, here, exit, activation, 2, set);
        assert(_fell());
    }

    /// S9: an epoch takes two changes, so the third who asked to leave stays for another one.
    function test_WhoWaitsToLeaveIsNotGone() public {
        _requestExit(1);
        _requestExit(2);
        _requestExit(0);
        uint64 exit = registry.position();
        _nextEpoch();
        _unlist(_signer(1));
        _unlist(_signer(2));
        EntryAt memory here = _commitEntry(false);
        uint64 activation = registry.position();
        _notProven("set");
        judge.proveGone(next, here, exit, activation, 2, set);
    }

    /// S9: who has asked to leave and is still in the set writes on; so does who is leaving after the named position.
    function test_WhoIsStillInTheSetIsNotGone() public {
        EntryAt memory early = _commitEntry(false);
        Checkpoint memory first = next;
        _requestExit(0);
        uint64 exit = registry.position();
        VM.warp(block.timestamp + 1);
        _requestExit(1);
        EntryAt memory here = _commitEntry(false);
        _notProven("registry");
        judge.proveGone(next, here, exit, exit + 1, 1, set);
        registry.activateEpoch(set);
        _unlist(_signer(0));
        _unlist(_signer(1));
        uint64 activation = registry.position();
        _notProven("position");
        judge.proveGone(first, early, exit, activation, 2, set);
        _notProven("position");
        judge.proveGone(next, here, exit, activation, 2, set);
    }

    function test_AMembersTrackThatHasEnded() public {
        QuietPosition[] memory quiet = _join5();
        EntryAt memory here = _commitEntry(true);
        uint64 recorded = registry.lastSetPosition();
        _notProven("position");
        _member(here, recorded, 1, new QuietPosition[](0));
        quiet[0].kind = 2;
        _notProven("registry");
        _member(here, recorded, 1, quiet);
        quiet[0].kind = 4;
        _notProven("quiet");
        _member(here, recorded, 1, quiet);
        quiet[0].kind = 1;
        _member(here, recorded, 1, quiet);
        assert(_fell());
    }

    /// Whoever is in the set later was in it before, or was not yet.
    function test_ALaterSetShowsAMemberToo() public {
        EntryAt memory here = _commitEntry(true);
        _join5();
        _nextEpoch();
        _list(OperatorSet.word(_signer(5), MIN_STAKE));
        _member(here, registry.position(), 2, new QuietPosition[](0));
        assert(_fell());
    }

    function test_AMembersTrackThatGoesOnIsSound() public {
        EntryAt memory here = _commitEntry(false);
        uint64 recorded = registry.position();
        VM.expectRevert(ICutCourt.CutCourtSound.selector);
        _member(here, recorded, 1, new QuietPosition[](0));
        _notProven("kind");
        judge.proveMember(next, here, recorded, 3, bytes32(uint256(1)), set, new QuietPosition[](0));
        here.slot = 1;
        _notProven("slot");
        _member(here, recorded, 1, new QuietPosition[](0));
    }

    function test_WhatIsFinalIsNotJudged() public {
        EntryAt memory here = _commitEntry(true);
        uint64 recorded = registry.position();
        VM.warp(block.timestamp + CHALLENGE_WINDOW);
        VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerFinal.selector, next.number));
        _member(here, recorded, 1, new QuietPosition[](0));
        // Whoever changes the checkpoint speaks of none that is on record.
        bytes32 stored = ledger.checkpointHash(next.number);
        next.entryCount = 2;
        bytes32 other = WeftHash.checkpointHash(ledger.domainSeparator(), next);
        VM.expectRevert(
            abi.encodeWithSelector(IAttesterCourt.AttesterCourtUnknownCheckpoint.selector, next.number, stored, other)
        );
        _member(here, recorded, 1, new QuietPosition[](0));
    }
}
