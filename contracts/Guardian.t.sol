// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IActiveClock} from "./interfaces/IActiveClock.sol";
import {ICheckpointLedger} from "./interfaces/ICheckpointLedger.sol";
import {IOperatorRegistry} from "./interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "./libraries/OperatorSet.sol";
import {Checkpoint} from "./libraries/WeftTypes.sol";
import {VM} from "./test/Vm.sol";
import {WeftFixture} from "./test/WeftFixture.sol";

contract GuardianTest is WeftFixture {
    uint64 private constant LONGEST = 10;

    function setUp() public override {
        super.setUp();
        _found();
    }

    /// Pauses expire, and every deadline that runs moves by exactly what was paused of it.
    function testFuzz_APauseExtendsEveryRunningDeadline(uint8 before, uint8 duration, uint8 cut) public {
        duration = duration % uint8(LONGEST) + 1;
        cut = cut % (duration + 1);
        _requestExit(0);
        _nextEpoch();
        _unlist(_signer(0));
        (uint64 number,) = _commit();
        uint64 start = uint64(block.timestamp);
        uint64 elapsed = before % uint8(CHALLENGE_WINDOW);
        VM.warp(start + elapsed);
        _pause(duration);
        assert(registry.pausedUntil() == block.timestamp + duration);
        VM.warp(block.timestamp + cut);
        uint64 paused = duration;
        if (cut < duration && cut % 2 == 0) {
            VM.prank(GUARD);
            guardian.resume();
            paused = cut;
        }
        assert(ledger.finalizedAt(number) == start + CHALLENGE_WINDOW + paused);
        assert(ledger.checkpoint(number).finalAt == start + CHALLENGE_WINDOW + paused);
        VM.warp(start + CHALLENGE_WINDOW + paused - 1);
        assert(!ledger.isFinal(number));
        VM.warp(start + CHALLENGE_WINDOW + paused);
        assert(ledger.isFinal(number) && registry.pausedUntil() == 0);
        assert(registry.activeTime() == block.timestamp - paused);
        assert(registry.wallTime(registry.activeTime()) <= block.timestamp);
        uint256 until = start + UNBONDING + paused;
        VM.warp(until - 1);
        VM.expectRevert(abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryUnbonding.selector, until));
        VM.prank(_owner(0));
        registry.withdraw();
        VM.warp(until);
        VM.prank(_owner(0));
        registry.withdraw();
    }

    /// Active time and back, over many pauses: what is reached is reached at the first moment that it is.
    function testFuzz_WallTimeIsTheFirstMomentOfAnActiveTime(uint8[6] memory gaps, uint8[6] memory pauses) public {
        uint64 begin = uint64(block.timestamp);
        uint64[] memory reached = new uint64[](600); // by active seconds since the begin
        for (uint256 i = 0; i < 6; ++i) {
            _walk(begin, reached, LONGEST + gaps[i] % 20);
            uint64 duration = pauses[i] % LONGEST + 1;
            _pause(duration);
            _walk(begin, reached, duration);
        }
        _walk(begin, reached, 3);
        uint64 last = registry.activeTime() - begin;
        for (uint64 active = 1; active <= last; ++active) {
            assert(registry.wallTime(begin + active) == reached[active]);
        }
    }

    function _walk(uint64 begin, uint64[] memory reached, uint64 duration) private {
        for (uint64 i = 0; i < duration; ++i) {
            VM.warp(block.timestamp + 1);
            uint64 active = registry.activeTime() - begin;
            if (reached[active] == 0) reached[active] = uint64(block.timestamp);
        }
    }

    function test_WhilePausedNothingMovesButClaimsAndViews() public {
        Checkpoint memory next = _nextCheckpoint();
        (bytes memory signatures,) = _attest(next, type(uint256).max);
        bytes memory consent = _consent(9, 9);
        _convict(3);
        _pause(LONGEST);
        bytes memory paused =
            abi.encodeWithSelector(IActiveClock.ActiveClockPaused.selector, block.timestamp + LONGEST);
        VM.expectRevert(paused);
        ledger.commit(next, set, signatures);
        VM.expectRevert(paused);
        VM.prank(_owner(9));
        registry.join(_signer(9), "h:1", MIN_STAKE, consent);
        VM.expectRevert(paused);
        VM.prank(_owner(0));
        registry.rotateSigner(_signer(9), consent);
        VM.expectRevert(paused);
        registry.activateEpoch(set);
        VM.expectRevert(paused);
        VM.prank(_owner(0));
        registry.withdraw();
        VM.expectRevert(paused);
        _slash(0);
        registry.settle(_owner(3));
        _requestExit(0);
        VM.prank(_owner(1));
        registry.setEndpoint("h:2");
        (uint64 number,) = ledger.latestFinal();
        assert(number == 0);
    }

    /// Whoever may pause cannot freeze: a pause has a greatest length, and as much time lies between two.
    function test_PausesAreShortAndFarBetween() public {
        _refusesPause(0, abi.encodeWithSelector(IActiveClock.ActiveClockDuration.selector, 0, LONGEST));
        _refusesPause(LONGEST + 1, abi.encodeWithSelector(IActiveClock.ActiveClockDuration.selector, 11, LONGEST));
        VM.expectRevert(IActiveClock.ActiveClockRunning.selector);
        VM.prank(GUARD);
        guardian.resume();
        _pause(LONGEST);
        uint256 until = block.timestamp + LONGEST;
        bytes memory soon = abi.encodeWithSelector(IActiveClock.ActiveClockTooSoon.selector, until + LONGEST);
        _refusesPause(1, soon);
        VM.warp(until + LONGEST - 1);
        _refusesPause(1, soon);
        VM.warp(until + LONGEST);
        _pause(1);
        VM.warp(block.timestamp + 1);
        VM.expectRevert(IActiveClock.ActiveClockRunning.selector);
        VM.prank(GUARD);
        guardian.resume();
    }

    function test_OnlyGuardiansGuardAndOnlyCourtsDispute() public {
        _unauthorized(address(guardian), abi.encodeCall(guardian.pause, (1)));
        _unauthorized(address(guardian), abi.encodeCall(guardian.resume, ()));
        _unauthorized(address(guardian), abi.encodeCall(guardian.invalidate, (ledger, 1, 0)));
        _unauthorized(address(registry), abi.encodeCall(registry.pause, (1)));
        _unauthorized(address(registry), abi.encodeCall(registry.resume, ()));
        _unauthorized(address(registry), abi.encodeCall(registry.retire, (ledger)));
        _unauthorized(address(ledger), abi.encodeCall(ledger.fell, (1, 0)));
        _unauthorized(address(ledger), abi.encodeCall(ledger.openDispute, (1, 0)));
        _unauthorized(address(ledger), abi.encodeCall(ledger.closeDispute, (1, 0)));
        _unauthorized(address(ledger), abi.encodeCall(ledger.announceSuccessor, (address(ledger), 0)));
        _unauthorized(address(ledger), abi.encodeCall(ledger.nameTurnCourt, (address(court))));
    }

    function _unauthorized(address target, bytes memory call) private {
        VM.prank(REPORTER);
        // solhint-disable-next-line avoid-low-level-calls
        (bool ok, bytes memory why) = target.call(call);
        bytes memory expected = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, REPORTER);
        assert(!ok && keccak256(why) == keccak256(expected));
    }

    /// The guardian invalidates what is not final, writes no root and moves no stake, whoever asks it.
    function test_TheGuardianInvalidatesOnlyWhatIsNotFinal() public {
        (uint64 number, bytes32 hash) = _commit();
        VM.warp(block.timestamp + CHALLENGE_WINDOW - 1);
        (uint64 second, bytes32 secondHash) = _commit();
        VM.warp(block.timestamp + 1);
        VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerFinal.selector, number));
        VM.prank(GUARD);
        guardian.invalidate(ledger, number, hash);
        VM.prank(GUARD);
        guardian.invalidate(ledger, second, secondHash);
        (uint64 standing,) = ledger.latestAttested();
        assert(standing == number && ledger.checkpoint(second).fallen);
        VM.expectRevert(
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(guardian))
        );
        VM.prank(address(guardian));
        registry.slash(_owner(0), REPORTER, set);
        assert(guardian.registry().setHash() == OperatorSet.hash(set));
    }

    function _refusesPause(uint256 duration, bytes memory why) private {
        VM.expectRevert(why);
        VM.prank(GUARD);
        guardian.pause(duration);
    }
}
