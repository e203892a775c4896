// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Checkpoint, SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";

/// @notice What the ledger keeps of a checkpoint; times in seconds of block time.
struct CheckpointRecord {
    bytes32 hash;
    bytes32 segmentsRoot;
    uint64 committedAt;
    uint64 finalAt; // when its window, and so those of its ancestors, is over, by the pauses known now
    uint64 registryPosition;
    uint32 challengeWindow; // seconds of active time, as it was at the commit
    uint32 openDisputes; // about itself
    bool fallen;
}

/// @title ICheckpointLedger
/// @notice The one chain of checkpoints: attested when committed; final when it has not fallen, its window is over, no
/// dispute about it or an ancestor is open and its parent is final. A checkpoint asserts what was said, not that it is
/// right. Windows run on the registry's active time, which stands still during a pause.
interface ICheckpointLedger is IERC165 {
    /// @notice A checkpoint was attested by more than two thirds of the stake; stake in the token's smallest unit.
    event CheckpointCommitted(
        uint64 indexed number, bytes32 indexed hash, Checkpoint checkpoint, uint256 signedStake
    );

    /// @notice The standing checkpoints from the first number to the last fell; the next commit extends `standing`.
    /// They stay on record, and their numbers are not used again.
    event CheckpointFell(uint64 indexed from, uint64 indexed to, uint64 standing, address indexed by);
    /// @notice A court opened or closed a dispute about a checkpoint; `open` are those that are open now.
    event DisputeOpened(uint64 indexed number, address indexed court, uint32 open);
    event DisputeClosed(uint64 indexed number, address indexed court, uint32 open);
    /// @notice From that block time on this ledger takes no checkpoints, and readers follow to the next one.
    event SuccessorAnnounced(address indexed ledger, uint64 notBefore);
    /// @notice That court decides what turns of this ledger are worth.
    event TurnCourtNamed(address indexed court);

    /// @notice Not the number after the last one.
    error CheckpointLedgerWrongNumber(uint64 expected, uint64 actual);
    /// @notice Not the hash of the latest checkpoint that stands.
    error CheckpointLedgerWrongParent(bytes32 expected, bytes32 actual);
    /// @notice The registry never was, at that position, what the checkpoint says: it is wrong or the chain reorganised.
    error CheckpointLedgerRegistryMismatch(uint64 position, bytes32 expected, bytes32 actual);
    /// @notice The position is below the parent's, or below the latest activation or conviction.
    error CheckpointLedgerStalePosition(uint64 position, uint64 minimum);
    /// @notice The list is not the current operator set.
    error CheckpointLedgerSetMismatch(bytes32 expected, bytes32 actual);
    /// @notice The signed stake is not more than two thirds.
    error CheckpointLedgerNoQuorum(uint256 signedStake, uint256 totalStake);
    /// @notice A root is zero; the root of an empty tree is not.
    error CheckpointLedgerZeroRoot();
    /// @notice More entries or segments than their trees hold.
    error CheckpointLedgerTooMany(uint256 entries, uint256 segments);
    /// @notice There is no such checkpoint.
    error CheckpointLedgerUnknown(uint64 number);
    /// @notice Another checkpoint has this number: the chain reorganised.
    error CheckpointLedgerWrongHash(uint64 number, bytes32 expected, bytes32 actual);
    /// @notice The checkpoint fell before.
    error CheckpointLedgerFallen(uint64 number);
    /// @notice The checkpoint is final, and nothing can be said against it any more.
    error CheckpointLedgerFinal(uint64 number);
    /// @notice No dispute about the checkpoint is open.
    error CheckpointLedgerNotDisputed(uint64 number);
    /// @notice This ledger takes no checkpoints any more; its successor does.
    error CheckpointLedgerRetired(address successor);
    /// @notice A successor is announced once.
    error CheckpointLedgerSuccessorKnown(address successor);
    /// @notice Not another contract with this interface.
    error CheckpointLedgerNotALedger(address successor);
    /// @notice The court of turns is named once.
    error CheckpointLedgerTurnCourtKnown(address court);
    /// @notice Not a court of this ledger.
    error CheckpointLedgerNotItsCourt(address court);
    /// @notice Everybody must be able to leave before the successor takes over; block time in seconds.
    error CheckpointLedgerNoticeTooShort(uint64 notBefore, uint256 earliest);

    /// @notice Appends a checkpoint. Anyone may call it. Reverts with `ActiveClockPaused` while paused.
    /// @param checkpoint The next checkpoint.
    /// @param set The members behind the registry's set hash: `signer << 96 | stake`, strictly ascending.
    /// @param signatures 65 bytes each (r, s, v), ascending by signer, low s only, over the checkpoint's hash.
    function commit(Checkpoint calldata checkpoint, uint256[] calldata set, bytes calldata signatures) external;

    /// @notice Keeps a checkpoint and its descendants from being final while a dispute is open. Only courts.
    /// @param number The checkpoint, which stands and is not final.
    /// @param hash Its hash, so that a reorganised chain does not make it a dispute about another.
    function openDispute(uint64 number, bytes32 hash) external;

    /// @notice Closes one dispute, also one about a checkpoint that fell meanwhile. Only courts.
    function closeDispute(uint64 number, bytes32 hash) external;

    /// @notice Makes a checkpoint that is not final, and all after it, fall. Only courts and the guardian.
    function fell(uint64 number, bytes32 hash) external;

    /// @notice Names the ledger that takes over. Only the administrator, once.
    /// @param ledger Another contract with this interface.
    /// @param notBefore Block time in seconds, at least the unbonding time from now.
    function announceSuccessor(address ledger, uint64 notBefore) external;

    /// @notice Names the court that says which turns are void: an `ITurnCourt` of this ledger. Only the administrator, once.
    function nameTurnCourt(address court) external;

    /// @notice The latest standing checkpoint that a quorum attested: the parent of the next.
    function latestAttested() external view returns (uint64 number, bytes32 hash);

    /// @notice The last number that was used, perhaps by a fallen checkpoint; the next commit has the one after it.
    function lastNumber() external view returns (uint64);

    /// @notice The latest checkpoint that is final.
    function latestFinal() external view returns (uint64 number, bytes32 hash);

    /// @notice What is kept of a checkpoint. Reverts with `CheckpointLedgerUnknown`.
    function checkpoint(uint64 number) external view returns (CheckpointRecord memory);

    /// @notice Hash of a checkpoint; zero where there is none.
    function checkpointHash(uint64 number) external view returns (bytes32);

    /// @notice Whether a checkpoint is final. It stays so.
    function isFinal(uint64 number) external view returns (bool);

    /// @notice Block time in seconds at which a checkpoint is, or was, final, by what is known now: a pause or a dispute
    /// moves what is still to come. Zero where there is none, where it fell, and while it or an ancestor is disputed.
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

    /// @notice Length of the challenge window of checkpoints committed now; seconds of active time.
    function challengeWindow() external view returns (uint32);

    /// @notice The registry that says who counts.
    function registry() external view returns (address);

    /// @notice The ledger that takes over, and from which block time on in seconds; zeros while none is announced.
    function successor() external view returns (address ledger, uint64 notBefore);

    /// @notice The `ITurnCourt` of this ledger's turns; zero while none is named.
    function turnCourt() external view returns (address);

    /// @notice Whether the successor has taken over: this ledger takes no checkpoints any more.
    function retired() external view returns (bool);
}
