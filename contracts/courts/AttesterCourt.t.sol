// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// solhint-disable one-contract-per-file

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IAttesterCourt} from "../interfaces/IAttesterCourt.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {Checkpoint} from "../libraries/WeftTypes.sol";
import {VM} from "../test/Vm.sol";
import {WeftFixture} from "../test/WeftFixture.sol";
import {AttesterCourt} from "./AttesterCourt.sol";

/// A court to which everything is proven.
contract CredulousCourt is AttesterCourt {
    constructor(ICheckpointLedger ledger_) AttesterCourt(ledger_) {}

    function condemn(uint64 number, bytes32 hash) external {
        _condemn(number, hash);
    }

    function hashOf(Checkpoint memory checkpoint) external view returns (bytes32) {
        return _hashOf(checkpoint);
    }
}

contract AttesterCourtTest is WeftFixture {
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint256 private constant STRANGER = 0xBAD;

    CredulousCourt private judge;

    function setUp() public override {
        super.setUp();
        _found();
        judge = new CredulousCourt(ledger);
        manager.grantRole(1, address(judge), 0);
        manager.grantRole(5, address(judge), 0);
    }

    function test_ACondemnedCheckpointFallsAndWhoeverSignedItIsConvicted() public {
        (uint64 number, bytes32 hash) = _commit();
        (uint64 next,) = _commit();
        judge.condemn(number, hash);
        assert(judge.condemned(hash));
        assert(ledger.checkpoint(number).fallen && ledger.checkpoint(next).fallen);
        for (uint256 i = 0; i < 4; ++i) {
            VM.prank(REPORTER);
            judge.convict(hash, _sign(_key(i), hash), set);
            _unlist(_signer(i));
            assert(registry.operatorOf(_owner(i)).status == OperatorStatus.Convicted);
            assert(registry.operatorOf(_owner(i)).reporter == REPORTER);
            bytes memory again = _sign(_key(i), hash);
            VM.expectRevert(abi.encodeWithSelector(IAttesterCourt.AttesterCourtNotSlashable.selector, _signer(i)));
            judge.convict(hash, again, set);
        }
        VM.expectRevert(abi.encodeWithSelector(IAttesterCourt.AttesterCourtCondemnedBefore.selector, hash));
        judge.condemn(number, hash);
    }

    /// S9: who attested to the checkpoints before and after it, and not to it, keeps its stake.
    function test_OnlyTheCondemnedHashConvicts() public {
        (, bytes32 before) = _commit();
        (uint64 number, bytes32 hash) = _commit();
        (, bytes32 later) = _commit();
        judge.condemn(number, hash);
        bytes32[2] memory others = [before, later];
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory other = _sign(_key(0), others[i]);
            VM.expectRevert(abi.encodeWithSelector(IAttesterCourt.AttesterCourtNotCondemned.selector, others[i]));
            judge.convict(others[i], other, set);
        }
        bytes memory foreign = _sign(STRANGER, hash);
        VM.expectRevert(
            abi.encodeWithSelector(IAttesterCourt.AttesterCourtForeignSigner.selector, VM.addr(STRANGER))
        );
        judge.convict(hash, foreign, set);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(_key(0), hash);
        bytes32 high = bytes32(ORDER - uint256(s));
        VM.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, high));
        judge.convict(hash, abi.encodePacked(r, high, v == 27 ? uint8(28) : uint8(27)), set);
    }

    function test_ARetiredKeyConvictsItsOperator() public {
        (uint64 number, bytes32 hash) = _commit();
        judge.condemn(number, hash);
        uint256 key = 0xF8E5;
        bytes memory consent = _sign(key, registry.consentDigest(_owner(1), VM.addr(key)));
        VM.prank(_owner(1));
        registry.rotateSigner(VM.addr(key), consent);
        judge.convict(hash, _sign(_key(1), hash), set);
        assert(registry.operatorOf(_owner(1)).status == OperatorStatus.Convicted);
    }

    function test_OnlyWhatIsOnRecordAndNotFinalIsCondemned() public {
        (uint64 number, bytes32 hash) = _commit();
        bytes32 other = keccak256("another chain's");
        VM.expectRevert(
            abi.encodeWithSelector(IAttesterCourt.AttesterCourtUnknownCheckpoint.selector, number, hash, other)
        );
        judge.condemn(number, other);
        VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerUnknown.selector, number + 1));
        judge.condemn(number + 1, hash);
        VM.warp(block.timestamp + CHALLENGE_WINDOW);
        VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerFinal.selector, number));
        judge.condemn(number, hash);
        assert(!judge.condemned(hash));
    }

    /// A fall for another reason must not save the attesters.
    function test_WhatFellBeforeIsCondemnedAllTheSame() public {
        (uint64 number, bytes32 hash) = _commit();
        VM.prank(GUARD);
        guardian.invalidate(ledger, number, hash);
        judge.condemn(number, hash);
        judge.convict(hash, _sign(_key(2), hash), set);
        assert(registry.operatorOf(_owner(2)).status == OperatorStatus.Convicted);
    }

    function test_ItHashesAsTheLedgerDoes() public {
        Checkpoint memory next = _nextCheckpoint();
        (bytes memory signatures,) = _attest(next, type(uint256).max);
        ledger.commit(next, set, signatures);
        assert(judge.hashOf(next) == ledger.checkpointHash(next.number));
        assert(judge.ledger() == address(ledger) && judge.registry() == address(registry));
    }
}
