// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAttesterCourt} from "../../interfaces/IAttesterCourt.sol";
import {IAvailabilityCourt, Kind, MemoriesAt, State} from "../../interfaces/IAvailabilityCourt.sol";
import {WeftHash} from "../../libraries/WeftHash.sol";
import {WeftTree} from "../../libraries/WeftTree.sol";
import {Checkpoint, CutEntry} from "../../libraries/WeftTypes.sol";
import {ChallengeFixture} from "../../test/ChallengeFixture.sol";
import {VM} from "../../test/Vm.sol";
import {AvailabilityCourt} from "../AvailabilityCourt.sol";

/// How challenges live, whatever they ask for; what is asked for is in `AvailabilityCourt.t.sol`.
contract ChallengesTest is ChallengeFixture {
    function test_SilenceMakesItFallAndItsAttestersPay() public {
        bytes32 id = _ask(0);
        assert(token.balanceOf(address(judge)) == BOND);
        _pass(ANSWER - 1);
        _tooEarly();
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

    function test_AnybodysAnswerSavesItAndEarnsHalfTheBond() public {
        bytes32 id = _ask(0);
        _pass(ANSWER - 1);
        _serve(id);
        assert(judge.creditOf(SERVER) == BOND / 2 && judge.creditOf(ASKER) == 0);
        // Whoever answers its own question pays for the time that it takes.
        assert(token.balanceOf(address(judge)) == BOND / 2);
        VM.prank(SERVER);
        judge.withdraw();
        assert(token.balanceOf(SERVER) == BOND / 2);
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
        _tooEarly();
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
        VM.expectRevert(abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtFallen.selector, hash));
        VM.prank(ASKER);
        judge.challenge(next, Kind.Entry, 2, type(uint256).max);
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
        assert(judge.creditOf(SERVER) == BOND / 2);
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
        _tooEarly();
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
        assert(judge.bondOf(hash) == 2 * BOND && judge.creditOf(SERVER) == BOND / 2);
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

    /// Nobody attested to checkpoint 0.
    function test_TheFirstCheckpointIsNotServed() public {
        Checkpoint memory genesis = Checkpoint({
            number: 0,
            parent: keccak256("Weft genesis"),
            registryPosition: 0,
            registryHash: registry.positionHash(0),
            cutRoot: WeftTree.emptyRoot(WeftTree.CUT),
            entryCount: 0,
            segmentsRoot: WeftTree.emptyRoot(WeftTree.SEGMENTS),
            segmentCount: 0,
            memoryRoot: WeftTree.emptyRoot(WeftTree.MEMORY),
            memoryTraceRoot: WeftTree.emptyRoot(WeftTree.MEMORY_TRACE)
        });
        MemoriesAt memory none = MemoriesAt(0, 0, new bytes32[](0));
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtNoSuchPlace.selector, "number")
        );
        judge.challengeMemory(genesis, none, 0, type(uint256).max);
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

    function _tooEarly() private {
        VM.expectRevert(
            abi.encodeWithSelector(IAvailabilityCourt.AvailabilityCourtWrongTime.selector, _now(), _now() + 1)
        );
    }
}
