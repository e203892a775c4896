// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SnapshotProof} from "../../libraries/WeftTypes.sol";
import {Bodies, Place} from "../../test/Bodies.sol";
import {SnapshotCase} from "../../test/SnapshotCase.sol";
import {Scene} from "../../test/TurnFixture.sol";

/// Snapshots that break a rule alone, or beside their turn's first one.
contract CutSnapshotsTest is SnapshotCase {
    function _aloneLie(SnapshotProof memory proof) private {
        judge.proveSnapshot(_hash(proof), proof);
        _assertFell(proof);
    }

    function _aloneSound(SnapshotProof memory proof) private {
        bytes32 hash = _hash(proof);
        _sound();
        judge.proveSnapshot(hash, proof);
    }

    /// S9.
    function test_WhatKeepsTheRulesAloneIsSound() public {
        _aloneSound(open);
        _aloneSound(given);
        Scene memory scene = _say(2, _two(_tokens(_after(), 6, 8, WRITTEN), _learn(Place(2, 0), 2, 6, 2, 8)));
        _aloneSound(_proof(scene, 0));
        _aloneSound(_proof(scene, 1));
        _aloneSound(_said(_close(Place(1, 0xffffffff), 8, 1)));
        _aloneSound(_said(_learn(_after(), 2, 0, 32, 8)));
    }

    function test_MalformedSnapshots() public {
        SnapshotProof memory proof = _said(hex"02");
        bytes32 hash = _hash(proof);
        proof.salt = bytes16(uint128(1));
        _notProven("path");
        judge.proveSnapshot(hash, proof);
        proof.salt = HIDDEN;
        _aloneLie(proof);
        _aloneLie(_said(hex"05"));
        _aloneLie(_said(hex"01"));
    }

    function test_TurnsOpenedByNoRule() public {
        bytes32 nonce = request.nonce;
        request.nonce = keccak256("another");
        bytes memory body = _open();
        request.nonce = nonce;
        _aloneSound(_said(body));
        request.maxLength = 0;
        _aloneLie(_said(_open()));
    }

    function test_SnapshotsThatNameNoEarlierOne() public {
        _aloneLie(_said(_tokens(Place(0, 0), 6, 7, WRITTEN)));
        _aloneLie(_said(_tokens(Place(2, 0), 6, 7, WRITTEN)));
        _aloneLie(_said(_tokens(Place(3, 0), 6, 7, WRITTEN)));
        bytes memory first = _tokens(_after(), 6, 7, WRITTEN);
        _aloneLie(_proof(_say(2, _two(first, _tokens(Place(2, 1), 7, 8, WRITTEN))), 1));
        _aloneSound(_proof(_say(2, _two(first, _tokens(Place(2, 0), 7, 8, WRITTEN))), 1));
    }

    function test_LearningThatBreaksItsOwnRules() public {
        bytes memory learn = _learn(_after(), 2, 6, 2, 8);
        _aloneLie(_proof(_say(2, _two(learn, _close(_after(), 8, 1))), 0));
        _aloneLie(_said(_learn(_after(), 2, 6, 0, 8)));
        _aloneLie(_said(_learn(_after(), 2, 6, 33, 8)));
    }

    function _requestLie(bytes memory body) private {
        SnapshotProof memory later = _said(body);
        judge.proveRequest(_hash(later), later, open);
        _assertFell(later);
    }

    function _requestSound(bytes memory body) private {
        SnapshotProof memory later = _said(body);
        bytes32 hash = _hash(later);
        _sound();
        judge.proveRequest(hash, later, open);
    }

    /// S9.
    function test_WhatTheRequestLetsIsSound() public {
        bytes32 hash = _hash(given);
        _sound();
        judge.proveRequest(hash, given, open);
        _requestSound(_tokens(_after(), 2, 4, CARRIED));
        _requestSound(_tokens(_after(), 2, 3, CARRIED));
        _requestSound(_tokens(_after(), 4, 5, GIVEN));
        _requestSound(_tokens(_after(), 6, 10, WRITTEN));
        _requestSound(_tokens(_after(), 6, 10, CARRIED));
        _requestSound(_learn(_after(), 2, 6, 2, 8));
        _requestSound(_close(_after(), 7, 1));
        _requestSound(_close(_after(), 10, 3));
    }

    function test_TokensOfAnotherKindThanTheRequestHasThere() public {
        _requestLie(_tokens(_after(), 2, 4, GIVEN));
        _requestLie(_tokens(_after(), 2, 4, WRITTEN));
        _requestLie(_tokens(_after(), 4, 6, CARRIED));
        _requestLie(_tokens(_after(), 4, 6, WRITTEN));
        _requestLie(_tokens(_after(), 6, 7, GIVEN));
    }

    function test_TokensThatCrossTheEndOfTheirZone() public {
        _requestLie(_tokens(_after(), 2, 5, CARRIED));
        _requestLie(_tokens(_after(), 4, 7, GIVEN));
        _requestLie(_tokens(_after(), 6, 11, WRITTEN));
    }

    function test_ContextsThatTheRequestDoesNotBind() public {
        _requestLie(Bodies.tokens(turn, _after(), 2, CARRIED, keccak256("another"), _run(2, 4)));
        _requestLie(Bodies.tokens(turn, _after(), 4, GIVEN, keccak256("another"), _run(4, 6)));
    }

    function test_LearningFromAnotherStart() public {
        _requestLie(_learn(_after(), 3, 6, 2, 8));
        _requestLie(_learn(_after(), 0, 6, 2, 8));
    }

    function test_ClosesOfNoAnswer() public {
        _requestLie(Bodies.close(turn, _after(), keccak256("another"), 8, _root(8), 1));
        _requestLie(_close(_after(), 6, 1));
        _requestLie(_close(_after(), 9, 3));
    }

    function test_OnlyItsOwnOpeningShowsTheRequest() public {
        SnapshotProof memory later = _said(_tokens(_after(), 6, 11, WRITTEN));
        bytes32 hash = _hash(later);
        _notProven("open");
        judge.proveRequest(hash, later, given);
        later = _said(Bodies.tokens(_turnAt(1, 2), _after(), 6, WRITTEN, _root(8), _run(6, 8)));
        hash = _hash(later);
        _notProven("open");
        judge.proveRequest(hash, later, given);
        bytes memory other = Bodies.tokens(keccak256("another turn"), _after(), 6, WRITTEN, _root(8), _run(6, 8));
        later = _said(other);
        hash = _hash(later);
        _notProven("open");
        judge.proveRequest(hash, later, open);
    }

    function _twinsSound(SnapshotProof memory a, SnapshotProof memory b) private {
        bytes32 hash = _hash(a);
        _sound();
        judge.proveTwins(hash, a, b);
    }

    function test_TwoThatNameTheSameOne() public {
        SnapshotProof memory a = _said(_tokens(_after(), 6, 7, WRITTEN));
        SnapshotProof memory b = _proof(_say(3, _alone(_tokens(_after(), 6, 8, WRITTEN))), 0);
        judge.proveTwins(_hash(b), b, a);
        _assertFell(b);
        Scene memory scene = _say(3, _two(_tokens(_after(), 6, 7, WRITTEN), _tokens(_after(), 6, 7, WRITTEN)));
        b = _proof(scene, 1);
        bytes32 hash = _hash(b);
        _notProven("twins");
        judge.proveTwins(hash, b, b);
        judge.proveTwins(hash, b, _proof(scene, 0));
        _assertFell(b);
    }

    function test_TwoThatNameDifferentOnesAreNoTwins() public {
        SnapshotProof memory a = _said(_tokens(_after(), 6, 7, WRITTEN));
        _twinsSound(a, open);
        _twinsSound(a, given);
        _twinsSound(_proof(_say(3, _alone(_tokens(Place(1, 1), 6, 7, WRITTEN))), 0), a);
        _twinsSound(_proof(_say(3, _alone(_tokens(Place(2, 2), 6, 7, WRITTEN))), 0), a);
        bytes memory other = Bodies.tokens(keccak256("another turn"), _after(), 6, WRITTEN, _root(7), _run(6, 7));
        _twinsSound(_proof(_say(3, _alone(other)), 0), a);
    }
}
