// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IActiveClock} from "../interfaces/IActiveClock.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {IEquivocationCourt} from "../interfaces/IEquivocationCourt.sol";
import {IOperatorRegistry, OperatorRecord, OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "../libraries/OperatorSet.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {Checkpoint, SegmentHeader} from "../libraries/WeftTypes.sol";
import {HandlerState} from "./HandlerState.sol";
import {VM} from "./Vm.sol";

/// @notice Does anything that anybody may try, in any order, and says of each call beforehand whether it is to succeed
/// or with which error it is to fail.
contract Handler is HandlerState {
    constructor() {
        _deploy();
        // Two of six are liars: less than a third, so the others go on without them.
        for (uint256 i = 1; i < 7; ++i) {
            join(i, 0);
        }
        registry.activateEpoch(new uint256[](0));
        (, bytes32 genesis) = ledger.latestAttested();
        _record(genesis, 0, uint64(block.timestamp));
    }

    function join(uint256 which, uint96 extra) public {
        uint256 i = which % OPERATORS;
        uint96 stake = MIN_STAKE + extra % MIN_STAKE;
        address owner = _owner(i);
        _keyOf[_signer(i)] = _key(i);
        token.mint(owner, stake);
        _minted += stake;
        VM.prank(owner);
        token.approve(address(registry), stake);
        bytes memory consent = _consent(i, i);
        bytes4 why;
        if (_paused()) why = IActiveClock.ActiveClockPaused.selector;
        else if (_status(i) != OperatorStatus.None) why = IOperatorRegistry.OperatorRegistryWrongStatus.selector;
        bytes memory call = abi.encodeCall(IOperatorRegistry.join, (_signer(i), "h:1", stake, consent));
        if (_try(owner, address(registry), call, why)) staked[i] = stake;
    }

    function rotate(uint256 which) external {
        uint256 i = which % OPERATORS;
        OperatorRecord memory record = registry.operatorOf(_owner(i));
        uint256 key = _key(i) + 1000 * (_rotations[i] + 1);
        address signer = VM.addr(key);
        bytes memory consent = _sign(key, registry.consentDigest(_owner(i), signer));
        bytes4 why;
        if (_paused()) why = IActiveClock.ActiveClockPaused.selector;
        else if (record.status != OperatorStatus.Active) {
            why = IOperatorRegistry.OperatorRegistryWrongStatus.selector;
        } else if (record.listedSigner != record.signer) {
            why = IOperatorRegistry.OperatorRegistryRotationPending.selector;
        }
        bytes memory call = abi.encodeCall(IOperatorRegistry.rotateSigner, (signer, consent));
        if (!_try(_owner(i), address(registry), call, why)) return;
        _keyOf[signer] = key;
        ++_rotations[i];
    }

    function exit(uint256 which) external {
        uint256 i = which % OPERATORS;
        OperatorStatus status = _status(i);
        bool may = status == OperatorStatus.Pending || status == OperatorStatus.Active;
        bytes4 why = may ? bytes4(0) : IOperatorRegistry.OperatorRegistryWrongStatus.selector;
        _try(_owner(i), address(registry), abi.encodeCall(IOperatorRegistry.requestExit, ()), why);
    }

    function withdraw(uint256 which) external {
        uint256 i = which % OPERATORS;
        OperatorRecord memory record = registry.operatorOf(_owner(i));
        bytes4 why;
        if (_paused()) why = IActiveClock.ActiveClockPaused.selector;
        else if (record.status != OperatorStatus.Left) why = IOperatorRegistry.OperatorRegistryWrongStatus.selector;
        else if (_active() < record.leftAt + UNBONDING) {
            why = IOperatorRegistry.OperatorRegistryUnbonding.selector;
        }
        if (_try(_owner(i), address(registry), abi.encodeCall(IOperatorRegistry.withdraw, ()), why)) {
            withdrawn[i] = true;
        }
    }

    function activate() external {
        bytes4 why;
        if (_paused()) why = IActiveClock.ActiveClockPaused.selector;
        else if (block.timestamp < registry.nextEpochAt()) {
            why = IOperatorRegistry.OperatorRegistryEpochTooEarly.selector;
        } else if (registry.pendingChanges() == 0) {
            why = IOperatorRegistry.OperatorRegistryNothingPending.selector;
        }
        _try(address(this), address(registry), abi.encodeCall(IOperatorRegistry.activateEpoch, (members())), why);
    }

    function settle(uint256 which) external {
        uint256 i = which % OPERATORS;
        bytes4 why;
        if (!convicted[i]) why = IOperatorRegistry.OperatorRegistryWrongStatus.selector;
        else if (settled[i]) why = IOperatorRegistry.OperatorRegistrySettled.selector;
        bytes memory call = abi.encodeCall(IOperatorRegistry.settle, (_owner(i)));
        if (_try(address(this), address(registry), call, why)) settled[i] = true;
    }

    /// Two headers that one operator signed: for the honest never two for one place, however often it starts anew.
    function accuse(uint256 which, uint8 place, uint8 other, bool contradicts) external {
        uint256 i = which % OPERATORS;
        SegmentHeader memory a = _said(i, place, 0);
        if (contradicts) other = place;
        SegmentHeader memory b = _said(i, other, contradicts && i >= HONEST ? 1 : 0);
        bytes32 hashA = ledger.headerHash(a);
        bytes32 hashB = ledger.headerHash(b);
        uint256 keyB = _key(i) + 1000 * (_rotations[i] > 0 ? other % (_rotations[i] + 1) : 0);
        bytes4 why;
        OperatorStatus status = _status(i);
        if (a.incarnation != b.incarnation || a.sequence != b.sequence) {
            why = IEquivocationCourt.EquivocationCourtDifferentPlaces.selector;
        } else if (hashA == hashB) {
            why = IEquivocationCourt.EquivocationCourtSameHeader.selector;
        } else if (status == OperatorStatus.None) {
            why = IEquivocationCourt.EquivocationCourtForeignSigner.selector;
        } else if (status == OperatorStatus.Withdrawn || status == OperatorStatus.Convicted) {
            why = IEquivocationCourt.EquivocationCourtNotSlashable.selector;
        } else if (_paused()) {
            why = IActiveClock.ActiveClockPaused.selector;
        }
        bytes memory call = abi.encodeCall(
            IEquivocationCourt.convict, (a, _sign(_key(i), hashA), b, _sign(keyB, hashB), members())
        );
        if (_try(REPORTER, address(court), call, why)) convicted[i] = true;
    }

    /// Somebody else's evidence against an honest operator, and a court's verdict by who is no court.
    function frame(uint256 which, uint8 place) external {
        uint256 i = which % HONEST;
        SegmentHeader memory a = _said(i, place, 0);
        SegmentHeader memory b = _said(i, place, 1);
        bytes memory signature = _sign(_key(7), ledger.headerHash(b));
        bytes memory call = abi.encodeCall(
            IEquivocationCourt.convict, (a, _sign(_key(i), ledger.headerHash(a)), b, signature, members())
        );
        _try(REPORTER, address(court), call, IEquivocationCourt.EquivocationCourtForeignSigner.selector);
        call = abi.encodeCall(IOperatorRegistry.slash, (_owner(i), REPORTER, members()));
        _try(GUARD, address(registry), call, UNAUTHORIZED);
    }

    function commit(uint256 signers, bool stale) external {
        uint256[] memory list = members();
        Checkpoint memory next = _nextCheckpoint();
        // With what was the head before something fell: it is no parent any more.
        if (stale) next.parent = hashes[hashes.length - 1];
        bytes32 hash = WeftHash.checkpointHash(ledger.domainSeparator(), next);
        bytes memory signatures;
        uint256 signed = 0;
        uint256 total = 0;
        for (uint256 slot = 0; slot < list.length; ++slot) {
            total += OperatorSet.stakeOf(list[slot]);
            if ((signers >> slot) & 3 == 0) continue; // three of four sign
            signed += OperatorSet.stakeOf(list[slot]);
            signatures = bytes.concat(signatures, _sign(_keyOf[OperatorSet.signerOf(list[slot])], hash));
        }
        bytes4 why;
        if (next.parent != hashes[head]) why = ICheckpointLedger.CheckpointLedgerWrongParent.selector;
        else if (_paused()) why = IActiveClock.ActiveClockPaused.selector;
        else if (signed * 3 <= total * 2) why = ICheckpointLedger.CheckpointLedgerNoQuorum.selector;
        bytes memory call = abi.encodeCall(ICheckpointLedger.commit, (next, list, signatures));
        if (_try(address(this), address(ledger), call, why)) {
            _record(hash, head, _active() + CHALLENGE_WINDOW);
            assert(next.number == hashes.length - 1);
        }
    }

    function dispute(uint8 back) external {
        (uint64 number, bytes4 why) = _open(back);
        bytes memory call = abi.encodeCall(ICheckpointLedger.openDispute, (number, hashes[number]));
        if (_try(LATER_COURT, address(ledger), call, why)) ++_disputes[number];
    }

    function dismiss(uint8 back) external {
        uint64 number = uint64(back % hashes.length);
        bytes4 why = _disputes[number] == 0 ? ICheckpointLedger.CheckpointLedgerNotDisputed.selector : bytes4(0);
        bytes memory call = abi.encodeCall(ICheckpointLedger.closeDispute, (number, hashes[number]));
        if (_try(LATER_COURT, address(ledger), call, why)) --_disputes[number];
    }

    function fall(uint8 back, bool byCourt) external {
        (uint64 number, bytes4 why) = _open(back);
        bytes memory call = byCourt
            ? abi.encodeCall(ICheckpointLedger.fell, (number, hashes[number]))
            : abi.encodeCall(guardian.invalidate, (ledger, number, hashes[number]));
        address target = byCourt ? address(ledger) : address(guardian);
        if (!_try(byCourt ? LATER_COURT : GUARD, target, call, why)) return;
        // Descendants by their parents, not by their numbers.
        assert(!seenFinal[number]);
        fallen[number] = true;
        for (uint256 i = number + 1; i < hashes.length; ++i) {
            if (fallen[parents[i]]) fallen[i] = true;
            assert(!fallen[i] || !seenFinal[i]);
        }
        while (fallen[head]) head = uint64(parents[head]);
    }

    function pause(uint8 duration) external {
        duration = duration % 13;
        uint64 until = _pauses.length == 0 ? 0 : _pauses[_pauses.length - 1][1];
        bytes4 why;
        if (duration == 0 || duration > LONGEST_PAUSE) why = IActiveClock.ActiveClockDuration.selector;
        else if (until != 0 && block.timestamp < until + LONGEST_PAUSE) {
            why = IActiveClock.ActiveClockTooSoon.selector;
        }
        if (!_try(GUARD, address(guardian), abi.encodeCall(guardian.pause, (duration)), why)) return;
        _pauses.push([uint64(block.timestamp), uint64(block.timestamp) + duration]);
    }

    function resume() external {
        bytes4 why = _paused() ? bytes4(0) : IActiveClock.ActiveClockRunning.selector;
        if (!_try(GUARD, address(guardian), abi.encodeCall(guardian.resume, ()), why)) return;
        _pauses[_pauses.length - 1][1] = uint64(block.timestamp);
    }

    function pass(uint8 duration) external {
        VM.warp(block.timestamp + (duration < 200 ? duration % 8 : duration));
    }
}
