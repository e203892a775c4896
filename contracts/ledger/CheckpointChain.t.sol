// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CheckpointLedger} from "../CheckpointLedger.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {IOperatorRegistry, OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {Checkpoint} from "../libraries/WeftTypes.sol";
import {MockLedger} from "../mocks/MockLedger.sol";
import {MockTurnCourt} from "../mocks/MockTurnCourt.sol";
import {VM} from "../test/Vm.sol";
import {WeftFixture} from "../test/WeftFixture.sol";

contract CheckpointChainTest is WeftFixture {
    function setUp() public override {
        super.setUp();
        _found();
    }

    /// A fall takes the descendants along and nothing else; the next one extends what stands and is final by itself.
    function test_AFallTakesItsDescendantsAlong() public {
        bytes32[] memory hashes = _commits(5);
        _fell(3, hashes[3]);
        assert(_latest() == 2 && ledger.lastNumber() == 5);
        Checkpoint memory reused = _nextCheckpoint();
        reused.number = 3;
        VM.expectRevert(
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerWrongNumber.selector, uint64(6), uint64(3))
        );
        ledger.commit(reused, set, "");
        Checkpoint memory onFallen = _nextCheckpoint();
        onFallen.parent = hashes[5];
        VM.expectRevert(
            abi.encodeWithSelector(
                ICheckpointLedger.CheckpointLedgerWrongParent.selector, hashes[2], hashes[5]
            )
        );
        ledger.commit(onFallen, set, "");
        (uint64 number,) = _commit();
        assert(number == 6);
        VM.warp(block.timestamp + CHALLENGE_WINDOW);
        for (uint64 i = 0; i <= 6; ++i) {
            bool falls = i >= 3 && i <= 5;
            assert(ledger.isFinal(i) == !falls && ledger.checkpoint(i).fallen == falls);
            assert((ledger.finalizedAt(i) == 0) == falls);
        }
        (uint64 latest, bytes32 hash) = ledger.latestFinal();
        assert(latest == 6 && hash == ledger.checkpointHash(6));
        assert(ledger.checkpointHash(4) == hashes[4]);
    }

    /// Falls next to and around one another are one gap, and the number below it stands.
    function test_FallsMelt() public {
        bytes32[] memory hashes = _commits(4);
        _fell(4, hashes[4]);
        (uint64 number, bytes32 hash) = _commit();
        _fell(number, hash);
        assert(_latest() == 3);
        (number,) = _commit();
        assert(number == 6);
        _fell(2, hashes[2]);
        assert(_latest() == 1);
        for (uint64 i = 2; i <= 6; ++i) {
            bytes32 there = ledger.checkpointHash(i);
            VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerFallen.selector, i));
            VM.prank(LATER_COURT);
            ledger.fell(i, there);
        }
        (number,) = _commit();
        assert(number == 7 && _latest() == 7);
    }

    /// Every call about a checkpoint names its hash, so a reorganised chain does not turn it against another.
    function test_EveryCallCarriesTheExpectedHash() public {
        bytes32 hash = _commits(1)[1];
        bytes32 other = keccak256("other");
        bytes memory wrong = abi.encodeWithSelector(
            ICheckpointLedger.CheckpointLedgerWrongHash.selector, uint64(1), hash, other
        );
        bytes memory unknown = abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerUnknown.selector, uint64(2));
        for (uint64 number = 1; number <= 2; ++number) {
            bytes memory why = number == 1 ? wrong : unknown;
            VM.expectRevert(why);
            VM.prank(LATER_COURT);
            ledger.fell(number, other);
            VM.expectRevert(why);
            VM.prank(LATER_COURT);
            ledger.openDispute(number, other);
            VM.expectRevert(why);
            VM.prank(LATER_COURT);
            ledger.closeDispute(number, other);
        }
    }

    /// An open dispute keeps a checkpoint and its descendants from being final, and no other; the last one counts.
    function test_AnOpenDisputeHoldsTheCheckpointAndItsDescendants() public {
        bytes32[] memory hashes = _commits(3);
        _open(2, hashes[2]);
        _open(2, hashes[2]);
        VM.warp(block.timestamp + CHALLENGE_WINDOW);
        assert(ledger.isFinal(1) && !ledger.isFinal(2) && !ledger.isFinal(3));
        assert(ledger.finalizedAt(2) == 0 && ledger.finalizedAt(3) == 0 && ledger.checkpoint(2).openDisputes == 2);
        VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerFinal.selector, uint64(1)));
        VM.prank(LATER_COURT);
        ledger.openDispute(1, hashes[1]);
        _close(2, hashes[2]);
        assert(!ledger.isFinal(2));
        VM.warp(block.timestamp + 3);
        _close(2, hashes[2]);
        assert(ledger.isFinal(2) && ledger.isFinal(3));
        // It was not final before its last dispute was closed, so a claim window after it does not begin before.
        assert(ledger.finalizedAt(2) == block.timestamp && ledger.finalizedAt(3) == block.timestamp);
        assert(ledger.finalizedAt(1) == block.timestamp - 3 && ledger.finalizedAt(4) == 0);
        (uint64 number,) = _commit();
        assert(ledger.finalizedAt(number) == block.timestamp + CHALLENGE_WINDOW);
        VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerNotDisputed.selector, uint64(2)));
        VM.prank(LATER_COURT);
        ledger.closeDispute(2, hashes[2]);
    }

    function test_ADisputeAboutWhatFellHoldsNothing() public {
        bytes32[] memory hashes = _commits(3);
        _open(3, hashes[3]);
        _open(2, hashes[2]);
        _fell(2, hashes[2]);
        (uint64 number,) = _commit();
        VM.warp(block.timestamp + CHALLENGE_WINDOW);
        assert(ledger.isFinal(number) && ledger.checkpoint(3).openDisputes == 1);
        uint64 since = ledger.finalizedAt(number);
        VM.warp(block.timestamp + 1);
        _close(3, hashes[3]);
        _close(2, hashes[2]);
        assert(ledger.isFinal(number) && !ledger.isFinal(2) && ledger.finalizedAt(2) == 0);
        assert(ledger.finalizedAt(number) == since);
    }

    /// What follows upon a disputed checkpoint is final no earlier than that, however early its own dispute was closed.
    function test_WhatDependsOnADisputeIsFinalAfterIt() public {
        bytes32[] memory hashes = _commits(3);
        _open(1, hashes[1]);
        _open(3, hashes[3]);
        VM.warp(block.timestamp + CHALLENGE_WINDOW + 1);
        _close(3, hashes[3]);
        VM.warp(block.timestamp + 2);
        _close(1, hashes[1]);
        assert(ledger.finalizedAt(1) == block.timestamp && ledger.finalizedAt(3) == block.timestamp);
    }

    /// However many later ones are disputed, the earliest can still be.
    function test_NoNumberOfDisputesShieldsACheckpoint() public {
        bytes32[] memory hashes = _commits(40);
        for (uint64 i = 40; i > 0; --i) {
            _open(i, hashes[i]);
        }
        VM.warp(block.timestamp + CHALLENGE_WINDOW);
        assert(!ledger.isFinal(1));
        for (uint64 i = 1; i <= 40; ++i) {
            _close(i, hashes[i]);
            assert(ledger.isFinal(i) && (i == 40 || !ledger.isFinal(i + 1)));
        }
    }

    function test_TheCourtOfTurnsIsItsOwnAndNamedOnce() public {
        assert(ledger.turnCourt() == address(0));
        address foreign = address(new MockTurnCourt(address(token)));
        VM.expectRevert(
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerNotItsCourt.selector, foreign)
        );
        ledger.nameTurnCourt(foreign);
        address its = address(new MockTurnCourt(address(ledger)));
        ledger.nameTurnCourt(its);
        assert(ledger.turnCourt() == its);
        VM.expectRevert(
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerTurnCourtKnown.selector, its)
        );
        ledger.nameTurnCourt(its);
    }

    /// A successor is announced once, in time to leave before; then this ledger takes no commits and all may leave.
    function test_ASuccessorTakesOverAfterItsNotice() public {
        CheckpointLedger next = new CheckpointLedger(registry);
        _noLedger(address(ledger));
        _noLedger(address(registry));
        _noLedger(_owner(0));
        uint64 notBefore = uint64(block.timestamp) + UNBONDING;
        VM.expectRevert(
            abi.encodeWithSelector(
                ICheckpointLedger.CheckpointLedgerNoticeTooShort.selector, notBefore - 1, uint256(notBefore)
            )
        );
        ledger.announceSuccessor(address(next), notBefore - 1);
        ledger.announceSuccessor(address(next), notBefore);
        VM.expectRevert(
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerSuccessorKnown.selector, address(next))
        );
        ledger.announceSuccessor(address(next), notBefore);
        // A pause delays leaving, and so the succession.
        _pause(10);
        notBefore += 10;
        (address successor, uint64 when) = ledger.successor();
        assert(successor == address(next) && when == notBefore);
        VM.warp(notBefore - 1);
        _commit();
        _notRetired(ledger);
        _notRetired(next);
        MockLedger foreign = new MockLedger(address(token));
        foreign.retire();
        _notRetired(foreign);
        VM.warp(notBefore);
        assert(ledger.retired() && !next.retired());
        Checkpoint memory late = _nextCheckpoint();
        (bytes memory signatures,) = _attest(late, type(uint256).max);
        VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerRetired.selector, address(next)));
        ledger.commit(late, set, signatures);
        registry.retire(ledger);
        assert(registry.retired());
        VM.expectRevert(IOperatorRegistry.OperatorRegistryRetired.selector);
        registry.retire(ledger);
        for (uint256 i = 0; i < 4; ++i) {
            _requestExit(i);
        }
        registry.activateEpoch(set); // the cap is 2
        for (uint256 i = 0; i < 4; ++i) {
            assert(registry.operatorOf(_owner(i)).status == OperatorStatus.Left && registry.isSlashable(_signer(i)));
        }
        token.mint(_owner(9), MIN_STAKE);
        bytes memory consent = _consent(9, 9);
        VM.expectRevert(IOperatorRegistry.OperatorRegistryRetired.selector);
        VM.prank(_owner(9));
        registry.join(_signer(9), "h:1", MIN_STAKE, consent);
    }

    /// A succession comes when it was announced for: earlier pauses do not delay it, and no fall forgets it.
    function test_NeitherEarlierPausesNorFallsMoveASuccession() public {
        _pause(10);
        VM.warp(block.timestamp + 10);
        uint64 notBefore = uint64(block.timestamp) + UNBONDING;
        ledger.announceSuccessor(address(new CheckpointLedger(registry)), notBefore);
        (uint64 number, bytes32 hash) = _commit();
        _fell(number, hash);
        VM.warp(notBefore - 1);
        assert(!ledger.retired());
        VM.warp(notBefore);
        assert(ledger.retired());
    }

    /// What stands named a position; nothing after it names an earlier one, whatever fell between.
    function test_PositionsDoNotGoBackAfterAFall() public {
        _join(5, MIN_STAKE);
        _commit();
        (uint64 number, bytes32 hash) = _commit();
        _fell(number, hash);
        Checkpoint memory next = _nextCheckpoint();
        uint64 there = next.registryPosition--;
        next.registryHash = registry.positionHash(next.registryPosition);
        VM.expectRevert(
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerStalePosition.selector, there - 1, there)
        );
        ledger.commit(next, set, "");
    }

    function _noLedger(address which) private {
        uint64 notBefore = uint64(block.timestamp) + UNBONDING;
        VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerNotALedger.selector, which));
        ledger.announceSuccessor(which, notBefore);
    }

    function _notRetired(ICheckpointLedger which) private {
        VM.expectRevert(
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryNotRetired.selector, address(which))
        );
        registry.retire(which);
    }

    function _commits(uint64 count) private returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count + 1);
        for (uint64 i = 1; i <= count; ++i) {
            (, hashes[i]) = _commit();
        }
    }

    function _latest() private view returns (uint64 number) {
        (number,) = ledger.latestAttested();
    }

    function _fell(uint64 number, bytes32 hash) private {
        VM.prank(LATER_COURT);
        ledger.fell(number, hash);
    }

    function _open(uint64 number, bytes32 hash) private {
        VM.prank(LATER_COURT);
        ledger.openDispute(number, hash);
    }

    function _close(uint64 number, bytes32 hash) private {
        VM.prank(LATER_COURT);
        ledger.closeDispute(number, hash);
    }
}
