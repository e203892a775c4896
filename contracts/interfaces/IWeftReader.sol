// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";
import {ICheckpointLedger} from "./ICheckpointLedger.sol";

/// @notice Where a final checkpoint has a snapshot, and who signed it.
struct Place {
    ICheckpointLedger ledger;
    address operator;
    uint256 order; // lower comes first: ledger in the succession, checkpoint, segment, snapshot
}

/// @notice A run of tokens that a final checkpoint contains.
struct ProvenTokens {
    Place place;
    bytes32 turn;
    uint32 first; // absolute position of the first token in its conversation
    uint8 kind; // 1 given, 2 carried, 3 written: only the last is an answer
    bytes32 contextRoot; // after the tokens
    uint32[] ids;
}

/// @notice The end of a turn that a final checkpoint contains.
struct ProvenClose {
    Place place;
    bytes32 turn;
    bytes32 requestId;
    uint32 length; // of the context with the answer, in tokens
    bytes32 contextRoot; // of the same
    uint8 reason; // 1 end token, 2 stop sequence, 3 length
}

/// @title IWeftReader
/// @notice What dApps read checkpoints through: it believes only final ones, and follows ledgers to their successors.
/// @dev What is proven is that somebody said it. Whoever acts on it checks who, and that the request is its own.
interface IWeftReader is IERC165 {
    /// @notice No ledger of the succession has the snapshot at these indices.
    error WeftReaderNotIncluded(uint64 number, uint32 segmentIndex, uint32 snapshotIndex);
    /// @notice The checkpoint has the snapshot and is not final, or fell.
    error WeftReaderNotFinal(uint64 number);

    /// @notice The first ledger, whose successors are followed once they have taken over.
    function origin() external view returns (ICheckpointLedger);

    /// @notice The ledger that takes checkpoints now, at most 8 successions from the origin.
    function current() external view returns (ICheckpointLedger);

    /// @notice The latest final checkpoint of the current ledger.
    function latestFinal() external view returns (ICheckpointLedger ledger, uint64 number, bytes32 hash);

    /// @notice Where a snapshot stands. Reverts unless a final checkpoint has it.
    function locate(SnapshotProof calldata proof) external view returns (Place memory);

    /// @notice The tokens of a `Tokens` snapshot. Also reverts with the errors of the library `TokensSnapshot`.
    function proveTokens(SnapshotProof calldata proof) external view returns (ProvenTokens memory);

    /// @notice One token of a `Tokens` snapshot, at an absolute position of its conversation.
    /// @return token Its id.
    /// @return kind 1 given, 2 carried, 3 written.
    /// @return turn The turn that it belongs to.
    /// @return operator Who signed it.
    function proveToken(SnapshotProof calldata proof, uint32 position)
        external
        view
        returns (uint32 token, uint8 kind, bytes32 turn, address operator);

    /// @notice A `TurnClose` snapshot. Also reverts with the errors of the library `TurnCloseSnapshot`.
    function proveClose(SnapshotProof calldata proof) external view returns (ProvenClose memory);
}
