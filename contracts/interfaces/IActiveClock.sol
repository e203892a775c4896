// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title IActiveClock
/// @notice Active time is block time less the seconds that were paused so far; it stands still during a pause. All
/// deadlines of registry and ledger run on it, so a pause extends them. Times and durations in seconds.
interface IActiveClock {
    /// @notice Time stands still until then, or until it is resumed; block time.
    event Paused(uint64 until);
    /// @notice The pause was ended early.
    event Resumed();

    /// @notice The call waits until the pause is over; block time.
    error ActiveClockPaused(uint256 until);
    /// @notice A pause lasts at least a second and at most `longest`.
    error ActiveClockDuration(uint256 duration, uint256 longest);
    /// @notice Between two pauses at least as long passes as the longest one lasts; block time.
    error ActiveClockTooSoon(uint256 since);
    /// @notice There is no pause to end.
    error ActiveClockRunning();

    /// @notice Active time now.
    function activeTime() external view returns (uint64);

    /// @notice Block time at which active time reaches, or reached, `active`, by the pauses known now: a later pause
    /// moves what is still to come.
    function wallTime(uint64 active) external view returns (uint64);

    /// @notice Block time at which the pause ends; zero while there is none.
    function pausedUntil() external view returns (uint64);
}
