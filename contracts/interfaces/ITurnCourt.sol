// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title ITurnCourt
/// @notice What whoever acts on an answer asks a court: whether what a turn says was proven wrong, or still may be.
interface ITurnCourt {
    /// @notice Whether somebody was convicted of a token of this turn. It stays so.
    function isVoid(bytes32 turn) external view returns (bool);

    /// @notice How many accusations of tokens of this turn are open.
    function openAccusations(bytes32 turn) external view returns (uint256);

    /// @notice The ledger whose checkpoints are read.
    function ledger() external view returns (address);
}
