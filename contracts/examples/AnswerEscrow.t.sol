// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IWeftReader} from "../interfaces/IWeftReader.sol";
import {TurnCloseSnapshot} from "../libraries/TurnCloseSnapshot.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";
import {MockLedger} from "../mocks/MockLedger.sol";
import {MockTurnCourt} from "../mocks/MockTurnCourt.sol";
import {CanonicalAnswers} from "../readers/CanonicalAnswers.sol";
import {AnswerFixture} from "../test/AnswerFixture.sol";
import {Proofs} from "../test/Proofs.sol";
import {VM} from "../test/Vm.sol";
import {AnswerEscrow} from "./AnswerEscrow.sol";

contract AnswerEscrowTest is AnswerFixture {
    bytes32 private constant REQUEST = keccak256("request");
    uint256 private constant PRICE = 7 ether;

    AnswerEscrow private _escrow;
    address[] private _anyone;
    bytes32 private _id;

    bool private _closed;

    error Closed();

    receive() external payable {
        if (_closed) revert Closed();
    }

    function setUp() public override {
        super.setUp();
        _escrow = new AnswerEscrow(reader, CLAIM_WINDOW);
        _id = _escrow.open{value: PRICE}(REQUEST, uint64(block.timestamp + 1000), _anyone);
    }

    /// Of any answers shown in any order within the window, the first one in the order of the chain is paid.
    function testFuzz_TheFirstAnswerIsPaid(uint8[4] memory numbers, uint8[4] memory segments, uint8[4] memory snapshots)
        public
    {
        uint256 best = type(uint256).max;
        uint256 payee = 0;
        for (uint256 i = 0; i < 4; ++i) {
            uint64 number = numbers[i] % 8 + 1;
            uint32 segment = segments[i] % 3;
            uint32 snapshot = snapshots[i] % 3;
            uint256 order = uint256(number) << 64 | uint256(segment) << 32 | snapshot;
            SnapshotProof memory proof = _close(i, number, segment, snapshot, REQUEST, 9);
            if (order >= best) {
                VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerNotFirst.selector, best, order));
            } else {
                best = order;
                payee = i;
            }
            _escrow.claim(_id, proof, _anyone);
        }
        VM.warp(block.timestamp + CLAIM_WINDOW);
        _escrow.settle(_id);
        assert(_escrow.creditOf(_owner(payee)) == PRICE);
        uint256 before = _owner(payee).balance;
        VM.prank(_owner(payee));
        _escrow.withdraw();
        assert(_owner(payee).balance == before + PRICE && address(_escrow).balance == 0);
        VM.expectRevert(abi.encodeWithSelector(AnswerEscrow.AnswerEscrowNotOpen.selector, _id));
        _escrow.settle(_id);
    }

    function test_OnlyFinalAnswersToTheRequestAreClaimed() public {
        SnapshotProof memory proof = _close(0, 9, 0, 0, REQUEST, 9);
        VM.expectRevert(abi.encodeWithSelector(IWeftReader.WeftReaderNotFinal.selector, uint64(9)));
        _escrow.claim(_id, proof, _anyone);
        proof = _close(0, 8, 0, 0, keccak256("other"), 9);
        VM.expectRevert(
            abi.encodeWithSelector(CanonicalAnswers.AnswerToAnotherRequest.selector, REQUEST, keccak256("other"))
        );
        _escrow.claim(_id, proof, _anyone);
        proof = Proofs.proofAt(_owner(0), 8, 1, 1, Proofs.closeBody(TURN, REQUEST, 9, 0));
        VM.expectRevert(
            abi.encodeWithSelector(IWeftReader.WeftReaderNotIncluded.selector, uint64(8), uint32(1), uint32(1))
        );
        _escrow.claim(_id, proof, _anyone);
        proof.body = new bytes(114);
        VM.expectRevert(abi.encodeWithSelector(TurnCloseSnapshot.TurnCloseSnapshotWrongKind.selector, uint8(0)));
        _escrow.claim(_id, proof, _anyone);
        proof.body = new bytes(113);
        VM.expectRevert(abi.encodeWithSelector(TurnCloseSnapshot.TurnCloseSnapshotWrongLength.selector, 114, 113));
        _escrow.claim(_id, proof, _anyone);
    }

    function test_TheWindowIsNeitherSkippedNorReopened() public {
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerNotSettled.selector, uint64(0)));
        _escrow.settle(_id);
        _escrow.claim(_id, _close(0, 8, 1, 0, REQUEST, 9), _anyone);
        uint64 closesAt = uint64(block.timestamp + CLAIM_WINDOW);
        VM.warp(closesAt - 1);
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerNotSettled.selector, closesAt));
        _escrow.settle(_id);
        _escrow.claim(_id, _close(1, 8, 0, 0, REQUEST, 9), _anyone);
        SnapshotProof memory late = _close(2, 7, 0, 0, REQUEST, 9);
        VM.warp(closesAt);
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerTooLate.selector, closesAt));
        _escrow.claim(_id, late, _anyone);
        _escrow.settle(_id);
        assert(_escrow.creditOf(_owner(1)) == PRICE);
        VM.expectRevert(CanonicalAnswers.AnswerWindowZero.selector);
        new AnswerEscrow(reader, 0);
    }

    function test_WhoIsConvictedIsNotPaidAndMakesRoom() public {
        _escrow.claim(_id, _close(0, 2, 0, 0, REQUEST, 9), _anyone);
        VM.warp(block.timestamp + CLAIM_WINDOW);
        _convict(0);
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerVoid.selector, _owner(0)));
        _escrow.settle(_id);
        _escrow.claim(_id, _close(1, 3, 0, 0, REQUEST, 9), _anyone);
        SnapshotProof memory proof = _close(0, 1, 0, 0, REQUEST, 9);
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerVoid.selector, _owner(0)));
        _escrow.claim(_id, proof, _anyone);
        VM.warp(block.timestamp + CLAIM_WINDOW);
        _escrow.settle(_id);
        assert(_escrow.creditOf(_owner(1)) == PRICE);
    }

    /// Nobody is paid while a court has not said the last word, and nobody takes the money back either.
    function test_AnAccusedAnswerWaitsForItsCourt() public {
        _escrow.claim(_id, _close(0, 2, 0, 0, REQUEST, 9), _anyone);
        turnCourt.set(TURN, 2, false);
        VM.warp(_escrow.orderOf(_id).deadline);
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerAccused.selector, TURN, 2));
        _escrow.settle(_id);
        VM.expectRevert(
            abi.encodeWithSelector(AnswerEscrow.AnswerEscrowNotDue.selector, _id, uint64(block.timestamp))
        );
        _escrow.takeBack(_id);
        turnCourt.set(TURN, 0, false);
        _escrow.settle(_id);
        assert(_escrow.creditOf(_owner(0)) == PRICE);
    }

    /// Also that of an operator who had left before it was convicted of anything.
    function test_AVoidAnswerIsNotPaidAndMakesRoom() public {
        _escrow.claim(_id, _close(0, 2, 0, 0, REQUEST, 9), _anyone);
        VM.warp(block.timestamp + CLAIM_WINDOW);
        turnCourt.set(TURN, 0, true);
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerVoid.selector, _owner(0)));
        _escrow.settle(_id);
        SnapshotProof memory proof = _close(0, 1, 0, 0, REQUEST, 9);
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerVoid.selector, _owner(0)));
        _escrow.claim(_id, proof, _anyone);
        _escrow.claim(_id, _closeOf(keccak256("another"), 1, 3, 0, 0, REQUEST, 9), _anyone);
        VM.warp(block.timestamp + CLAIM_WINDOW);
        _escrow.settle(_id);
        assert(_escrow.creditOf(_owner(1)) == PRICE);
    }

    /// What a turn is worth says the court of its ledger; where there is none, nobody does.
    function test_WithoutACourtNothingIsClaimed() public {
        MockLedger next = new MockLedger(address(registry));
        mock.announceSuccessor(address(next), 0);
        mock.retire();
        bytes memory body = Proofs.closeBody(TURN, REQUEST, 9, keccak256("end"));
        SnapshotProof memory proof = Proofs.proofAt(_owner(0), 0, 0, 0, body);
        next.accept(proof);
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerWithoutCourt.selector, address(next)));
        _escrow.claim(_id, proof, _anyone);
        next.nameTurnCourt(address(new MockTurnCourt(address(next))));
        turnCourt.set(TURN, 1, true);
        _escrow.claim(_id, proof, _anyone);
        VM.warp(block.timestamp + CLAIM_WINDOW);
        _escrow.settle(_id);
        assert(_escrow.creditOf(_owner(0)) == PRICE);
    }

    function test_ATolerantModelIsAnsweredByWhoWasNamed() public {
        address[] memory named = new address[](2);
        (named[0], named[1]) = (_owner(2), _owner(3));
        bytes32 id = _escrow.open{value: 1}(REQUEST, uint64(block.timestamp + 1), named);
        SnapshotProof memory proof = _close(0, 1, 0, 0, REQUEST, 9);
        VM.expectRevert(abi.encodeWithSelector(AnswerEscrow.AnswerEscrowNotAccepted.selector, _owner(0)));
        _escrow.claim(id, proof, named);
        VM.expectRevert(abi.encodeWithSelector(AnswerEscrow.AnswerEscrowNotAccepted.selector, _owner(0)));
        _escrow.claim(id, proof, _anyone);
        address[] memory forged = new address[](1);
        forged[0] = _owner(0);
        VM.expectRevert(abi.encodeWithSelector(AnswerEscrow.AnswerEscrowNotAccepted.selector, _owner(0)));
        _escrow.claim(id, proof, forged);
        _escrow.claim(id, _close(3, 4, 0, 0, REQUEST, 9), named);
        VM.warp(block.timestamp + CLAIM_WINDOW);
        _escrow.settle(id);
        assert(_escrow.creditOf(_owner(3)) == 1);
    }

    function test_AnUnansweredOrderIsTakenBackAndAnAnsweredOneIsNot() public {
        uint64 deadline = _escrow.orderOf(_id).deadline;
        VM.expectRevert(abi.encodeWithSelector(AnswerEscrow.AnswerEscrowNotDue.selector, _id, deadline));
        _escrow.takeBack(_id);
        bytes32 other = _escrow.open{value: 2}(REQUEST, deadline, _anyone);
        assert(other != _id);
        VM.warp(deadline);
        _escrow.claim(_id, _close(0, 8, 1, 0, REQUEST, 9), _anyone);
        VM.expectRevert(abi.encodeWithSelector(AnswerEscrow.AnswerEscrowNotDue.selector, _id, deadline));
        _escrow.takeBack(_id);
        _escrow.takeBack(other);
        assert(_escrow.creditOf(address(this)) == 2);
        VM.expectRevert(abi.encodeWithSelector(AnswerEscrow.AnswerEscrowNotOpen.selector, other));
        _escrow.takeBack(other);
        _escrow.withdraw();
        VM.expectRevert(
            abi.encodeWithSelector(AnswerEscrow.AnswerEscrowNotWithdrawn.selector, address(this), uint256(0))
        );
        _escrow.withdraw();
        _convict(0);
        _escrow.takeBack(_id);
        assert(_escrow.creditOf(address(this)) == PRICE);
    }

    /// Who does not take its money now can take it later.
    function test_WhatIsNotTakenIsStillOwed() public {
        VM.warp(_escrow.orderOf(_id).deadline);
        _escrow.takeBack(_id);
        _closed = true;
        VM.expectRevert(abi.encodeWithSelector(AnswerEscrow.AnswerEscrowNotWithdrawn.selector, address(this), PRICE));
        _escrow.withdraw();
        assert(_escrow.creditOf(address(this)) == PRICE);
        _closed = false;
        _escrow.withdraw();
        assert(address(_escrow).balance == 0);
    }

    function test_AnOrderHasAPriceAndADeadlineAhead() public {
        uint64 now_ = uint64(block.timestamp);
        VM.expectRevert(abi.encodeWithSelector(AnswerEscrow.AnswerEscrowBadOrder.selector, uint256(0), now_ + 1));
        _escrow.open(REQUEST, now_ + 1, _anyone);
        VM.expectRevert(abi.encodeWithSelector(AnswerEscrow.AnswerEscrowBadOrder.selector, uint256(1), now_));
        _escrow.open{value: 1}(REQUEST, now_, _anyone);
    }
}
