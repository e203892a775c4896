// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SnapshotProof} from "../libraries/WeftTypes.sol";

/// @notice A token that was proven; `operator` is zero where none was.
struct ProvenToken {
    address operator; // who answers for it
    uint64 checkpoint;
    uint32 token;
    uint8 tokenKind; // 1 given, 2 carried, 3 written
}

/// @title ITokenConsumer
/// @notice Stores tokens of a story that final checkpoints contain.
interface ITokenConsumer {
    /// @notice A token was proven; token kind 1 given, 2 carried, 3 written.
    event TokenProven(
        bytes32 indexed turn,
        uint32 indexed position,
        address indexed operator,
        uint32 token,
        uint8 tokenKind,
        uint64 checkpoint
    );

    /// @notice The checkpoint can still fall, or does not exist.
    error TokenConsumerNotFinal(uint64 number);
    /// @notice The checkpoint has no such snapshot at these indices.
    error TokenConsumerNotIncluded(uint64 number, uint32 segmentIndex, uint32 snapshotIndex);
    /// @notice Another token stands at the position.
    error TokenConsumerUnexpectedToken(uint32 position, uint32 expected, uint32 actual);
    /// @notice The token was proven before.
    error TokenConsumerAlreadyProven(bytes32 turn, uint32 position);

    /// @notice Proves that a final checkpoint contains `expectedToken` at an absolute position of a conversation.
    /// @dev Also reverts with the errors of the library `TokensSnapshot`.
    function prove(SnapshotProof calldata proof, uint32 position, uint32 expectedToken) external;

    /// @notice A proven token of a turn.
    function tokenOf(bytes32 turn, uint32 position) external view returns (ProvenToken memory);

    /// @notice The ledger whose checkpoints are believed.
    function ledger() external view returns (address);
}
