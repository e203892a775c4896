// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkpoint, SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";

/// @notice What the ledger keeps of a checkpoint; times in seconds of block time.
struct CheckpointRecord {
    bytes32 hash;
    bytes32 segmentsRoot;
    uint64 committedAt;
    uint64 finalAt; // not before its parent is final
    uint64 registryPosition;
    uint32 challengeWindow; // seconds, as it was at the commit
}

/// @title ICheckpointLedger
/// @notice The one chain of checkpoints: attested when committed, final when the challenge window is over and the
/// parent is final. A checkpoint asserts what was said, not that it is right.
interface ICheckpointLedger {
    /// @notice A checkpoint was attested by more than two thirds of the stake; stake in the token's smallest unit.
    event CheckpointCommitted(
        uint64 indexed number, bytes32 indexed hash, Checkpoint checkpoint, uint256 signedStake
    );

    /// @notice Not the number after the latest.
    error CheckpointLedgerWrongNumber(uint64 expected, uint64 actual);
    /// @notice Not the hash of the latest checkpoint.
    error CheckpointLedgerWrongParent(bytes32 expected, bytes32 actual);
    /// @notice The registry never was, at that position, what the checkpoint says: it is wrong or the chain reorganised.
    error CheckpointLedgerRegistryMismatch(uint64 position, bytes32 expected, bytes32 actual);
    /// @notice The position is below the parent's, or below the latest activation or conviction.
    error CheckpointLedgerStalePosition(uint64 position, uint64 minimum);
    /// @notice The list is not the current operator set.
    error CheckpointLedgerSetMismatch(bytes32 expected, bytes32 actual);
    /// @notice Not a multiple of 65 bytes.
    error CheckpointLedgerSignaturesLength(uint256 length);
    /// @notice This signer is no member, is there twice, or is out of order.
    error CheckpointLedgerUnexpectedSigner(address signer);
    /// @notice The signed stake is not more than two thirds.
    error CheckpointLedgerNoQuorum(uint256 signedStake, uint256 totalStake);
    /// @notice A root is zero; the root of an empty tree is not.
    error CheckpointLedgerZeroRoot();
    /// @notice More entries or segments than their trees hold.
    error CheckpointLedgerTooMany(uint256 entries, uint256 segments);
    /// @notice There is no such checkpoint.
    error CheckpointLedgerUnknown(uint64 number);

    /// @notice Appends a checkpoint. Anyone may call it.
    /// @param checkpoint The next checkpoint.
    /// @param set The members behind the registry's set hash: `signer << 96 | stake`, strictly ascending.
    /// @param signatures 65 bytes each (r, s, v), ascending by signer, low s only, over the checkpoint's hash.
    function commit(Checkpoint calldata checkpoint, uint256[] calldata set, bytes calldata signatures) external;

    /// @notice The latest checkpoint that a quorum attested.
    function latestAttested() external view returns (uint64 number, bytes32 hash);

    /// @notice The latest checkpoint that is final.
    function latestFinal() external view returns (uint64 number, bytes32 hash);

    /// @notice What is kept of a checkpoint. Reverts with `CheckpointLedgerUnknown`.
    function checkpoint(uint64 number) external view returns (CheckpointRecord memory);

    /// @notice Hash of a checkpoint; zero where there is none.
    function checkpointHash(uint64 number) external view returns (bytes32);

    /// @notice Whether a checkpoint is final.
    function isFinal(uint64 number) external view returns (bool);

    /// @notice Block time in seconds at which a checkpoint is, or was, final; zero where there is none.
    function finalizedAt(uint64 number) external view returns (uint64);

    /// @notice Whether a checkpoint contains a snapshot at exactly the indices that the proof names.
    /// @return Yes only if so; a wrong shape, and a checkpoint that does not exist, is answered with no.
    function verifySnapshot(SnapshotProof calldata proof) external view returns (bool);

    /// @notice EIP-712 separator of the domain that headers and checkpoints are signed in.
    function domainSeparator() external view returns (bytes32);

    /// @notice Hash of a segment header in this ledger's domain.
    function headerHash(SegmentHeader calldata header) external view returns (bytes32);

    /// @notice Block that the ledger was made in: where a log follower begins.
    function deploymentBlock() external view returns (uint256);

    /// @notice Length of the challenge window of checkpoints committed now; seconds.
    function challengeWindow() external view returns (uint32);

    /// @notice The registry that says who counts.
    function registry() external view returns (address);
}
