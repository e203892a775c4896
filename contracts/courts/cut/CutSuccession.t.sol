// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SnapshotProof} from "../../libraries/WeftTypes.sol";
import {WeftTree} from "../../libraries/WeftTree.sol";
import {Bodies, Place} from "../../test/Bodies.sol";
import {SnapshotCase} from "../../test/SnapshotCase.sol";
import {Scene} from "../../test/TurnFixture.sol";
import {VM} from "../../test/Vm.sol";

/// Snapshots that do not follow the one that they name.
contract CutSuccessionTest is SnapshotCase {
    uint32 private constant MOST = (1 << 24) - 1;

    function _lie(SnapshotProof memory later, SnapshotProof memory earlier, bytes32[] memory peaks) private {
        judge.proveSuccession(_hash(later), later, earlier, peaks);
        _assertFell(later);
    }

    /// @dev After the given tokens.
    function _lie(bytes memory body) private {
        _lie(_said(body), given, _none());
    }

    /// @dev The second of two in one segment, of which the first one goes on from the given tokens.
    function _lie(bytes memory first, bytes memory second) private {
        Scene memory scene = _say(2, _two(first, second));
        _lie(_proof(scene, 1), _proof(scene, 0), _none());
    }

    /// @dev After the given tokens.
    function _refused(string memory part, SnapshotProof memory later, bytes32[] memory peaks) private {
        bytes32 hash = _hash(later);
        _notProven(part);
        judge.proveSuccession(hash, later, given, peaks);
    }

    function _soundAfter(bytes memory first, bytes memory second) private {
        Scene memory scene = _say(2, _two(first, second));
        (SnapshotProof memory a, SnapshotProof memory b) = (_proof(scene, 0), _proof(scene, 1));
        bytes32 hash = _hash(b);
        _sound();
        judge.proveSuccession(hash, b, a, _none());
    }

    function _unproven(string memory part, SnapshotProof memory later, SnapshotProof memory earlier) private {
        bytes32 hash = _hash(later);
        _notProven(part);
        judge.proveSuccession(hash, later, earlier, _none());
    }

    function _written() private view returns (bytes memory) {
        return _tokens(_after(), 6, 8, WRITTEN);
    }

    /// S9.
    function test_WhatFollowsIsSound() public {
        SnapshotProof memory later = _said(_written());
        bytes32 hash = _hash(later);
        _sound();
        judge.proveSuccession(hash, later, given, _none());
        bytes32[] memory peaks = _peaks(6);
        _sound();
        judge.proveSuccession(hash, later, given, peaks);
        _soundAfter(_tokens(_after(), 6, 8, CARRIED), _tokens(Place(2, 0), 8, 9, CARRIED));
        _soundAfter(_tokens(_after(), 6, 8, CARRIED), _tokens(Place(2, 0), 8, 9, WRITTEN));
        _soundAfter(_written(), _tokens(Place(2, 0), 8, 9, WRITTEN));
        _soundAfter(_written(), _learn(Place(2, 0), 2, 6, 2, 8));
        _soundAfter(_written(), _learn(Place(2, 0), 2, 7, 1, 8));
        _soundAfter(_written(), _close(Place(2, 0), 8, 1));
        _soundAfter(_learn(_after(), 2, 6, 2, 8), _tokens(Place(2, 0), 8, 9, WRITTEN));
        _soundAfter(_learn(_after(), 2, 6, 2, 8), _close(Place(2, 0), 8, 1));
    }

    function test_TheFirstTokensFollowTheOpening() public {
        turn = _turnAt(2, 0);
        Scene memory scene = _say(2, _two(_open(), _tokens(Place(2, 0), 2, 4, CARRIED)));
        (SnapshotProof memory a, SnapshotProof memory b) = (_proof(scene, 0), _proof(scene, 1));
        bytes32 hash = _hash(b);
        bytes32[] memory peaks = _peaks(2);
        _sound();
        judge.proveSuccession(hash, b, a, peaks);
    }

    function test_ATurnThatIsNotOpened() public {
        _lie(Bodies.tokens(keccak256("elsewhere"), _after(), 6, WRITTEN, _root(7), _run(6, 7)));
        _lie(_open(), _tokens(Place(2, 0), 2, 4, CARRIED)); // of the first one, but named after the second
    }

    function test_ATurnThatIsClosed() public {
        _lie(_close(_after(), 8, 1), _tokens(Place(2, 0), 8, 9, WRITTEN));
    }

    function test_TokensElsewhere() public {
        _lie(_tokens(_after(), 7, 8, WRITTEN));
        _lie(_tokens(_after(), 5, 8, WRITTEN));
    }

    function test_NothingIsCarriedAfterWhatIsWritten() public {
        _lie(_written(), _tokens(Place(2, 0), 8, 9, CARRIED));
        _lie(_learn(_after(), 2, 6, 2, 8), _tokens(Place(2, 0), 8, 9, CARRIED));
    }

    function test_LearningWhatWasNotWrittenRightBefore() public {
        _lie(_learn(_after(), 2, 4, 2, 6)); // given
        _lie(_tokens(_after(), 6, 8, CARRIED), _learn(Place(2, 0), 2, 6, 2, 8));
        _lie(_written(), _learn(Place(2, 0), 2, 5, 2, 8));
        _lie(_written(), _learn(Place(2, 0), 2, 7, 2, 8));
        _lie(_learn(_after(), 2, 6, 2, 8), _learn(Place(2, 0), 2, 6, 2, 8));
    }

    function test_OtherContexts() public {
        _lie(_written(), _close(Place(2, 0), 7, 1));
        _lie(_written(), _learn(Place(2, 0), 2, 6, 2, 9));
        bytes32 other = keccak256("another");
        _lie(_written(), Bodies.close(turn, Place(2, 0), keccak256("request"), 8, other, 1));
        _lie(_written(), Bodies.close(turn, Place(2, 0), keccak256("request"), 7, _root(8), 1));
    }

    function test_RootsThatDoNotFollowFromTheTokens() public {
        bytes memory body = Bodies.tokens(turn, _after(), 6, WRITTEN, _root(8), _run(7, 9));
        SnapshotProof memory later = _said(body);
        bytes32 hash = _hash(later);
        _sound();
        judge.proveSuccession(hash, later, given, _none());
        _lie(later, given, _peaks(6));
    }

    /// A context has a longest length; the peaks of one that has it can be anything.
    function test_TokensBeyondTheLongestContext() public {
        bytes32[] memory peaks = new bytes32[](24);
        bytes32 root = WeftTree.emptyLeaf(WeftTree.CONTEXT);
        for (uint256 level = 0; level < 24; ++level) {
            peaks[23 - level] = keccak256(abi.encode(level));
            root = WeftTree.node(WeftTree.CONTEXT, peaks[23 - level], root);
        }
        bytes memory full = Bodies.tokens(turn, _after(), MOST - 1, WRITTEN, root, _run(0, 1));
        bytes memory more = Bodies.tokens(turn, Place(2, 0), MOST, WRITTEN, root, _run(0, 1));
        Scene memory scene = _say(2, _two(full, more));
        _lie(_proof(scene, 1), _proof(scene, 0), peaks);
    }

    function test_PeaksOpenTheContextBeforeTokens() public {
        SnapshotProof memory later = _said(_close(_after(), 6, 1));
        bytes32[] memory peaks = _peaks(6);
        _refused("tokens", later, peaks);
        later = _said(_written());
        _refused("peaks", later, _peaks(4));
        bytes32[] memory more = new bytes32[](3);
        (more[0], more[1]) = (peaks[0], peaks[1]);
        _refused("peaks", later, more);
        peaks[0] = keccak256("another");
        _refused("peaks", later, peaks);
    }

    function test_OnlyWhatItNamesIsBeforeIt() public {
        bytes memory body = _tokens(Place(1, 1), 7, 8, WRITTEN);
        _unproven("previous", _said(body), given);
        body = _tokens(Place(2, 2), 7, 8, WRITTEN);
        _unproven("previous", _proof(_say(3, _alone(body)), 0), given);
    }

    function test_BothAreOfOneTrack() public {
        bytes[] memory bodies = _alone(_tokens(_after(), 7, 8, WRITTEN));
        _unproven("track", _proof(_sayAs(2, RUN, 2, bodies), 0), given);
        _unproven("track", _proof(_sayAs(AUTHOR, bytes16(uint128(8)), 2, bodies), 0), given);
    }

    function test_BothAreWellFormedAndTheLaterOneOpensNothing() public {
        _unproven("later", _said(hex"02"), given);
        _unproven("later", _said(_open()), given);
        Scene memory scene = _say(2, _two(hex"02", _tokens(Place(2, 0), 7, 8, WRITTEN)));
        _unproven("earlier", _proof(scene, 1), _proof(scene, 0));
    }

    function test_BothAreThere() public {
        SnapshotProof memory later = _said(_tokens(_after(), 7, 8, WRITTEN));
        SnapshotProof memory earlier = given;
        earlier.salt = bytes16(uint128(1));
        _unproven("path", later, earlier);
        later.salt = bytes16(uint128(1));
        _unproven("path", later, given);
    }

    /// What is not on record any more, or not yet, is no witness.
    function test_TheEarlierOneStandsInAnAncestor() public {
        SnapshotProof memory fallen = _said(_written());
        bytes memory body = _tokens(Place(2, 0), 9, 10, WRITTEN);
        SnapshotProof memory later = _proof(_say(3, _alone(body)), 0);
        SnapshotProof memory after_ = _proof(_say(2, _alone(_written())), 0);
        _unproven("number", later, after_);
        bytes32 hash = _hash(fallen);
        VM.prank(GUARD);
        guardian.invalidate(ledger, fallen.number, hash);
        later = _proof(_say(3, _alone(body)), 0);
        _unproven("number", later, fallen);
        after_ = _proof(_say(2, _alone(_written())), 0);
        later = _proof(_say(3, _alone(body)), 0);
        _lie(later, after_, _none());
    }
}
