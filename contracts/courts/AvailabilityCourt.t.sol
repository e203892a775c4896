// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAttesterCourt} from "../interfaces/IAttesterCourt.sol";
import {Challenge, IAvailabilityCourt, Kind, State} from "../interfaces/IAvailabilityCourt.sol";
import {OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, CutEntry} from "../libraries/WeftTypes.sol";
import {VM} from "../test/Vm.sol";
import {WeftFixture} from "../test/WeftFixture.sol";
import {AvailabilityCourt} from "./AvailabilityCourt.sol";

contract AvailabilityCourtTest is WeftFixture {
    uint256 private constant BOND = 3 ether;
    uint32 private constant ANSWER = 4;
    uint32 private constant PROOF = 6;
    uint32 private constant RETENTION = 20;
    uint32 private constant ENTRIES = 8;
    address private constant ASKER = address(0xA5C);
    address private constant SERVER = address(0x5E8);

    AvailabilityCourt private judge;
    Checkpoint private next;
    bytes32 private hash;
    uint256 private _made;

    function setUp() public override {
        super.setUp();
        _found();
        judge = new AvailabilityCourt(ledger, BOND, ANSWER, PROOF);
        manager.grantRole(1, address(judge), 0);
        manager.grantRole(5, address(judge), 0);
        token.mint(ASKER, 1000 ether);
        VM.prank(ASKER);
        token.approve(address(judge), type(uint256).max);
        _commitEntries();
    }

    /// @dev Entry 0 is there; of the others only the count says so.
    function _commitEntries() private {
        next = _nextCheckpoint();
        CutEntry memory entry = _entry();
        bytes32 node = WeftTree.leaf(
            WeftTree.CUT,
            abi.encodePacked(
                entry.operator, entry.incarnation, entry.sequence, entry.head, entry.ended, entry.first
            )
        );
        bytes32[] memory proof = _proof();
        for (uint256 level = 0; level < proof.length; ++level) {
            node = WeftTree.node(WeftTree.CUT, node, proof[level]);
        }
        next.cutRoot = node;
        next.entryCount = ENTRIES;
        (bytes memory signatures,) = _attest(next, type(uint256).max);
        ledger.commit(next, set, signatures);
        hash = ledger.checkpointHash(next.number);
        _made = block.timestamp;
    }

    function _entry() private pure returns (CutEntry memory) {
        return CutEntry(_owner(0), bytes16(uint128(7)), 1, keccak256("head"), false, 0);
    }

    function _proof() private pure returns (bytes32[] memory proof) {
        bytes32[] memory empties = WeftTree.emptyRoots(WeftTree.CUT);
        proof = new bytes32[](WeftTree.CUT_DEPTH);
        for (uint256 level = 0; level < proof.length; ++level) {
            proof[level] = empties[level];
        }
    }

    function _ask(uint64 slot) private returns (bytes32) {
        VM.prank(ASKER);
        return judge.challenge(next, Kind.Entry, slot, type(uint256).max);
    }

    function _serve(bytes32 id) private {
        CutEntry memory entry = _entry();
        bytes32[] memory proof = _proof();
        VM.prank(SERVER);
        judge.answerEntry(id, entry, proof);
    }

    function _pass(uint256 time) private {
        VM.warp(block.timestamp + time);
    }

    function _attesterPays() private {
        VM.prank(REPORTER);
        judge.convict(hash, _sign(_key(1), hash), set);
        assert(registry.operatorOf(_owner(1)).status == OperatorStatus.Convicted);
    }

    function test_SilenceMakesItFallAndItsAttestersPay() public {
        bytes32 id = _ask(0);
        assert(token.balanceOf(address(judge)) == BOND);
        _pass(ANSWER - 1);
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongTime.selector, _now(), _now() + 1));
        judge.conclude(id);
        _pass(1);
        judge.conclude(id);
        assert(ledger.checkpoint(next.number).fallen && ledger.checkpoint(next.number).openDisputes == 0);
        _attesterPays();
        VM.prank(ASKER);
        judge.withdraw();
        assert(token.balanceOf(ASKER) == 1000 ether && token.balanceOf(address(judge)) == 0);
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongState.selector, id, State.Closed)
        );
        judge.conclude(id);
    }

    function test_AnybodysAnswerSavesItAndEarnsTheBond() public {
        bytes32 id = _ask(0);
        _pass(ANSWER - 1);
        _serve(id);
        assert(judge.creditOf(SERVER) == BOND && judge.creditOf(ASKER) == 0);
        VM.prank(SERVER);
        judge.withdraw();
        assert(token.balanceOf(SERVER) == BOND);
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtNoCredit.selector, SERVER));
        VM.prank(SERVER);
        judge.withdraw();
        _pass(ANSWER);
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongState.selector, id, State.Answered)
        );
        judge.conclude(id);
        assert(!ledger.checkpoint(next.number).fallen);
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtAskedBefore.selector, id));
        VM.prank(ASKER);
        judge.challenge(next, Kind.Entry, 0, type(uint256).max);
    }

    /// What was served may prove something: the checkpoint is not final for a proof period after it.
    function test_AnAnswerKeepsItFromBeingFinalForAProofPeriod() public {
        bytes32 id = _ask(0);
        _pass(ANSWER - 1);
        _serve(id);
        _pass(PROOF - 1);
        assert(!ledger.isFinal(next.number)); // its own window is over
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongTime.selector, _now(), _now() + 1));
        judge.release(id);
        _pass(1);
        judge.release(id);
        assert(ledger.isFinal(next.number));
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongState.selector, id, State.Closed)
        );
        judge.release(id);
    }

    function test_WhatIsFinalStandsButItsAttestersPay() public {
        _pass(CHALLENGE_WINDOW);
        assert(ledger.isFinal(next.number));
        bytes32 answered = _ask(0);
        bytes32 silent = _ask(1);
        _serve(answered);
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongState.selector, answered, State.Closed)
        );
        judge.release(answered);
        assert(!judge.condemned(hash));
        _pass(ANSWER);
        judge.conclude(silent);
        assert(ledger.isFinal(next.number) && judge.condemned(hash));
        _attesterPays();
    }

    function test_ItIsServedForTheRetentionTimeAndNoLonger() public {
        _pass(RETENTION - 1);
        bytes32 id = _ask(0);
        _pass(1);
        uint256 until = block.timestamp;
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtRetentionOver.selector, until)
        );
        VM.prank(ASKER);
        judge.challenge(next, Kind.Entry, 1, type(uint256).max);
        _serve(id);
        assert(judge.creditOf(SERVER) == BOND);
    }

    function test_AnswersComeInTimeAndAreRight() public {
        bytes32 id = _ask(1);
        CutEntry memory entry = _entry();
        bytes32[] memory proof = _proof();
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongAnswer.selector, id));
        judge.answerEntry(id, entry, proof);
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongKind.selector, id, Kind.Entry)
        );
        judge.answerTrace(id, keccak256("root"), proof);
        id = _ask(0);
        _pass(ANSWER);
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongTime.selector, _now(), _now()));
        judge.answerEntry(id, entry, proof);
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongState.selector, bytes32(0), State.None)
        );
        judge.answerEntry(0, entry, proof);
    }

    function test_APauseGivesMoreTime() public {
        bytes32 id = _ask(0);
        _pass(ANSWER - 1);
        _pause(10);
        _pass(10);
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongTime.selector, _now(), _now() + 1));
        judge.conclude(id);
        _serve(id);
    }

    function test_EachOpenChallengeMakesTheNextDearer() public {
        bytes32 first = _ask(0);
        assert(judge.bondOf(hash) == 2 * BOND);
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtBondRose.selector, 2 * BOND, 2 * BOND - 1)
        );
        VM.prank(ASKER);
        judge.challenge(next, Kind.Entry, 1, 2 * BOND - 1);
        _ask(1);
        assert(token.balanceOf(address(judge)) == 3 * BOND);
        _serve(first);
        assert(judge.bondOf(hash) == 2 * BOND && judge.creditOf(SERVER) == BOND);
    }

    function test_WhatFellMeanwhileNeedNotBeServed() public {
        bytes32 id = _ask(0);
        VM.prank(GUARD);
        guardian.invalidate(ledger, next.number, hash);
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtFallen.selector, hash));
        VM.prank(ASKER);
        judge.challenge(next, Kind.Entry, 1, type(uint256).max);
        _pass(ANSWER);
        judge.conclude(id);
        assert(!judge.condemned(hash) && judge.creditOf(ASKER) == BOND);
        assert(ledger.checkpoint(next.number).openDisputes == 0);
    }

    function test_TwoSilencesCondemnOnce() public {
        bytes32 a = _ask(0);
        bytes32 b = _ask(1);
        _pass(ANSWER);
        judge.conclude(b);
        judge.conclude(a);
        assert(judge.creditOf(ASKER) == 3 * BOND && ledger.checkpoint(next.number).openDisputes == 0);
    }

    function test_OnlyPlacesThatTheCheckpointHasAreAskedFor() public {
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtNoSuchPlace.selector, "index")
        );
        judge.challenge(next, Kind.Entry, ENTRIES, type(uint256).max);
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtNoSuchPlace.selector, "kind"));
        judge.challenge(next, Kind.Row, 0, type(uint256).max);
        next.cutRoot = keccak256("another chain's");
        bytes32 other = WeftHash.checkpointHash(ledger.domainSeparator(), next);
        VM.expectRevert(
            abi.encodeWithSelector(IAttesterCourt.AttesterCourtUnknownCheckpoint.selector, next.number, hash, other)
        );
        judge.challenge(next, Kind.Entry, 0, type(uint256).max);
    }

    function test_ParametersObeyTheRegistry() public {
        string[4] memory wrong = ["bond", "answerSeconds", "answerSeconds", "disputeWindowsSeconds"];
        uint32[4] memory answers = [uint32(4), 0, 11, 4];
        for (uint256 i = 0; i < 4; ++i) {
            VM.expectRevert(
                abi.encodeWithSelector(
                    IAvailabilityCourt.AvailabilityCourtInvalidParameters.selector, wrong[i]
                )
            );
            new AvailabilityCourt(ledger, i == 0 ? 0 : BOND, answers[i], i == 3 ? 7 : 1);
        }
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtInvalidParameters.selector, "proofSeconds")
        );
        new AvailabilityCourt(ledger, BOND, ANSWER, 0);
    }

    /// S12: whatever is asked, served, concluded and taken, the court has what it owes, to the wei.
    function testFuzz_TheMoneyAddsUp(uint8[48] memory moves) public {
        bytes32[] memory ids = new bytes32[](ENTRIES);
        for (uint256 i = 0; i < moves.length; ++i) {
            uint256 slot = (moves[i] >> 3) % ENTRIES;
            uint256 move = moves[i] % 8;
            bytes32 id = ids[slot];
            State state = judge.challengeOf(id).state;
            if (move < 3 && id == 0 && !judge.condemned(hash) && block.timestamp < _made + RETENTION) {
                ids[slot] = _ask(uint64(slot));
            } else if (move == 3) {
                _pass(1);
            } else if (move == 4 && slot == 0 && state == State.Open && _now() < judge.challengeOf(id).deadline) {
                _serve(id);
            } else if (move == 5 && state == State.Open && _now() >= judge.challengeOf(id).deadline) {
                judge.conclude(id);
            } else if (move == 6 && state == State.Answered && _now() >= judge.challengeOf(id).deadline) {
                judge.release(id);
            } else if (move == 7 && judge.creditOf(ASKER) > 0) {
                VM.prank(ASKER);
                judge.withdraw();
            }
            _checkMoney(ids);
        }
    }

    function _checkMoney(bytes32[] memory ids) private view {
        uint256 owed = judge.creditOf(ASKER) + judge.creditOf(SERVER);
        uint256 open = 0;
        uint256 disputes = 0;
        for (uint256 i = 0; i < ids.length; ++i) {
            Challenge memory asked = judge.challengeOf(ids[i]);
            if (asked.state == State.Open) {
                owed += asked.bond;
                ++open;
            }
            if (asked.disputed && (asked.state == State.Open || asked.state == State.Answered)) ++disputes;
        }
        assert(token.balanceOf(address(judge)) == owed);
        assert(judge.bondOf(hash) == BOND * (1 + open));
        assert(ledger.checkpoint(next.number).openDisputes == disputes);
        assert(token.balanceOf(ASKER) + judge.creditOf(ASKER) + judge.creditOf(SERVER) <= 1000 ether);
    }

    function _now() private view returns (uint64) {
        return registry.activeTime();
    }
}
