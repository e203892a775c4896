// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IActiveClock} from "../interfaces/IActiveClock.sol";

/// @title ActiveClock
/// @notice Block time that stands still while paused; see the interface.
/// @dev Every deadline is kept in active time, so a pause extends all that run, and none has to be visited.
/// INVARIANT: active time never goes back. INVARIANT: of any stretch, no more than about half is paused.
abstract contract ActiveClock is IActiveClock {
    using SafeCast for uint256;

    /// @dev One word, because every commit and conviction reads the latest.
    struct Pause {
        uint64 start; // block time
        uint64 until; // block time; not after `start` plus the longest pause
        uint64 before; // seconds of all earlier pauses
        uint64 index; // from 1; the latest's is the number of pauses
    }

    Pause private _latest;
    mapping(uint64 index => Pause) private _ended;

    /// @inheritdoc IActiveClock
    function activeTime() public view returns (uint64) {
        return _activeTime(_latest);
    }

    /// @inheritdoc IActiveClock
    function pausedUntil() external view returns (uint64) {
        uint64 until = _latest.until;
        return block.timestamp < until ? until : 0;
    }

    /// @inheritdoc IActiveClock
    function wallTime(uint64 active) public view returns (uint64) {
        // The latest pause that began before the moment counts, and with it all earlier ones. Active time at their
        // beginnings never falls, so it is found by halving.
        uint64 low = 0;
        uint64 high = _latest.index;
        while (low < high) {
            uint64 middle = low + (high - low + 1) / 2;
            Pause memory candidate = _pause(middle);
            if (candidate.start - candidate.before < active) low = middle;
            else high = middle - 1;
        }
        if (low == 0) return active;
        Pause memory last = _pause(low);
        return active + last.before + (last.until - last.start);
    }

    /// @dev Pauses for `duration` seconds, at most `longest`, not within `longest` seconds of an earlier pause.
    function _pauseFor(uint256 duration, uint256 longest) internal returns (uint64 until) {
        if (duration == 0 || duration > longest) revert ActiveClockDuration(duration, longest);
        Pause memory latest = _latest;
        // SAFETY: as long running as paused, so whoever may pause cannot freeze the stakes for ever.
        uint256 since = latest.index == 0 ? 0 : latest.until + longest;
        if (block.timestamp < since) revert ActiveClockTooSoon(since);
        until = (block.timestamp + duration).toUint64();
        uint64 before = latest.before + (latest.until - latest.start);
        if (latest.index > 0) _ended[latest.index] = latest;
        _latest = Pause(block.timestamp.toUint64(), until, before, latest.index + 1);
        emit Paused(until);
    }

    /// @dev Ends the pause now.
    function _endPause() internal {
        if (block.timestamp >= _latest.until) revert ActiveClockRunning();
        _latest.until = block.timestamp.toUint64();
        emit Resumed();
    }

    /// @dev Active time; reverts with `ActiveClockPaused` while paused.
    function _running() internal view returns (uint64) {
        Pause memory latest = _latest;
        if (block.timestamp < latest.until) revert ActiveClockPaused(latest.until);
        return _activeTime(latest);
    }

    function _activeTime(Pause memory latest) private view returns (uint64) {
        uint256 now_ = block.timestamp < latest.until ? latest.start : block.timestamp - (latest.until - latest.start);
        return (now_ - latest.before).toUint64();
    }

    function _pause(uint64 index) private view returns (Pause memory) {
        return index == _latest.index ? _latest : _ended[index];
    }
}
