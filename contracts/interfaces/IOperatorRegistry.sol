// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IActiveClock} from "./IActiveClock.sol";
import {ICheckpointLedger} from "./ICheckpointLedger.sol";

/// @notice Where an operator stands.
enum OperatorStatus {
    None,
    Pending, // joined, waits for an epoch
    Active, // in the set
    Exiting, // asked to leave, perhaps still in the set
    Left, // out of the set, its stake unbonds
    Withdrawn,
    Convicted
}

/// @notice One operator; stake in the smallest unit of the stake token.
struct OperatorRecord {
    address signer; // the key that signs segments now
    uint96 stake; // of a convicted operator, what is not settled yet
    address listedSigner; // the key that the set lists; zero outside the set
    uint64 leftAt; // seconds of active time
    OperatorStatus status;
    address reporter; // who brought the conviction; zero without one
}

/// @notice Everything that is fixed when the registry is made; times in seconds, amounts in the token's smallest unit.
struct RegistryParameters {
    uint96 minStake;
    uint96 bounty; // of a slash, to the reporter; at most a tenth of `minStake`
    uint32 minOperators; // before the first activation
    uint32 maxOperators; // in the set and waiting, at most 128
    uint32 maxChangesPerEpoch;
    uint32 epochSeconds;
    uint32 unbondingSeconds;
    uint32 signingLagSeconds;
    uint32 challengeWindowSeconds;
    uint32 disputeWindowsSeconds; // of all courts that may follow one another
    uint32 retentionSeconds;
    uint32 longestPauseSeconds;
    uint32 graceSeconds;
}

/// @title IOperatorRegistry
/// @notice Who may write and who counts. Every change has a position, a number with a running hash, so that a
/// checkpoint can name the state that it was judged by.
interface IOperatorRegistry is IActiveClock {
    /// @notice An operator deposited its stake and waits for an epoch. Position kind 1.
    event OperatorJoined(
        uint64 indexed position,
        bytes32 positionHash,
        address indexed operator,
        address signer,
        uint96 stake,
        string endpoint
    );
    /// @notice An operator signs with another key. Position kind 2; the set lists the new key from the next epoch.
    event SignerRotated(
        uint64 indexed position, bytes32 positionHash, address indexed operator, address oldSigner, address newSigner
    );
    /// @notice An operator asked to leave. Position kind 3.
    event ExitRequested(uint64 indexed position, bytes32 positionHash, address indexed operator);
    /// @notice Waiting changes took effect. Position kind 4.
    event EpochActivated(
        uint64 indexed position, bytes32 positionHash, uint64 epoch, bytes32 setHash, uint256[] set
    );
    /// @notice A court convicted an operator, which left the set at once. Position kind 5.
    event OperatorConvicted(
        uint64 indexed position,
        bytes32 positionHash,
        address indexed operator,
        address court,
        bytes32 setHash,
        uint256[] set
    );
    /// @notice An operator is reached elsewhere.
    event EndpointChanged(address indexed operator, string endpoint);
    /// @notice Where a convicted operator's stake went; in the token's smallest unit.
    event StakeSlashed(address indexed operator, address indexed reporter, uint256 burned, uint256 bounty);
    /// @notice An operator took its stake back.
    event Withdrawn(address indexed operator, uint256 amount);
    /// @notice The ledger takes no checkpoints any more: exits are no longer capped, and nobody joins.
    event RegistryRetired(address indexed ledger);

    /// @notice A parameter is out of its range.
    error OperatorRegistryInvalidParameters(string parameter);
    /// @notice Unbonding must outlast every way to be convicted; seconds.
    error OperatorRegistryUnbondingTooShort(uint256 unbonding, uint256 longestLiability);
    /// @notice The operator's status does not allow the call.
    error OperatorRegistryWrongStatus(address operator, OperatorStatus status);
    /// @notice The key is, or once was, somebody's signer.
    error OperatorRegistrySignerTaken(address signer);
    /// @notice The signer's key did not consent.
    error OperatorRegistryNoConsent(address signer);
    /// @notice One rotation at a time: the set does not list the last one yet.
    error OperatorRegistryRotationPending(address operator);
    /// @notice The endpoint is empty or too long; bytes.
    error OperatorRegistryInvalidEndpoint(uint256 length, uint256 maximum);
    /// @notice Less than the minimum stake.
    error OperatorRegistryStakeTooSmall(uint256 stake, uint256 minimum);
    /// @notice All seats are taken.
    error OperatorRegistryFull(uint256 maximum);
    /// @notice The list is not the current operator set.
    error OperatorRegistrySetMismatch(bytes32 expected, bytes32 actual);
    /// @notice The next epoch has not begun; block time in seconds.
    error OperatorRegistryEpochTooEarly(uint256 opensAt);
    /// @notice The first activation waits for more operators.
    error OperatorRegistryTooFewOperators(uint256 waiting, uint256 minimum);
    /// @notice There is no change to apply.
    error OperatorRegistryNothingPending();
    /// @notice The stake unbonds until then; block time in seconds.
    error OperatorRegistryUnbonding(uint256 until);
    /// @notice The convicted operator's stake was settled before.
    error OperatorRegistrySettled(address operator);
    /// @notice Not a ledger of this registry, or one that still takes checkpoints.
    error OperatorRegistryNotRetired(address ledger);
    /// @notice The registry is retired.
    error OperatorRegistryRetired();

    /// @notice Deposits stake for the caller, which becomes an operator at an epoch. An owner joins once.
    /// @param signer The hot key; a key belongs to one operator for ever.
    /// @param endpoint Where peers dial, as host:port.
    /// @param stake In the token's smallest unit.
    /// @param consent Signature of `signer` over the EIP-712 type SignerConsent(address operator,address signer) in
    /// this contract's domain, so that nobody registers somebody else's key.
    function join(address signer, string calldata endpoint, uint96 stake, bytes calldata consent) external;

    /// @notice Replaces the hot key of the caller, which is in the set. The retired key stays attributable for ever, and
    /// slashable until the caller withdraws.
    function rotateSigner(address newSigner, bytes calldata consent) external;

    /// @notice Tells peers where the caller is reached now.
    function setEndpoint(string calldata endpoint) external;

    /// @notice Queues the caller's exit. It stays slashable until it withdraws.
    function requestExit() external;

    /// @notice Returns the caller's stake when it has unbonded.
    function withdraw() external;

    /// @notice Applies waiting changes, oldest first. Anyone may call it, once per epoch.
    /// @param currentSet The members behind `setHash()`.
    function activateEpoch(uint256[] calldata currentSet) external;

    /// @notice Convicts an operator: out of the set at once, its stake lost. Only courts.
    /// @dev Calls no token, so nothing that a token does can stand in the way of a conviction.
    /// @param operator Whom.
    /// @param reporter Who gets the bounty.
    /// @param currentSet The members behind `setHash()`.
    function slash(address operator, address reporter, uint256[] calldata currentSet) external;

    /// @notice Burns a convicted operator's stake but for a small fixed bounty, which goes to who reported it. Anyone
    /// may call it, once per operator.
    function settle(address operator) external;

    /// @notice Stops the clock. Only the guardian.
    /// @param duration Seconds, at most the longest pause of the parameters.
    function pause(uint256 duration) external;

    /// @notice Ends a pause early. Only the guardian.
    function resume() external;

    /// @notice Lifts the cap on changes per epoch and ends joining, when a successor ledger has taken over: nobody
    /// counts stakes here any more, and everybody may leave. Only the administrator, once.
    /// @param ledger A ledger of this registry that takes no checkpoints any more.
    function retire(ICheckpointLedger ledger) external;

    /// @notice The latest position.
    function position() external view returns (uint64);

    /// @notice Running hash at a position; zero where there is none yet.
    function positionHash(uint64 number) external view returns (bytes32);

    /// @notice Hash of the current operator set.
    function setHash() external view returns (bytes32);

    /// @notice Position of the latest activation or conviction.
    function lastSetPosition() external view returns (uint64);

    /// @notice What a commit needs, in one call. Reverts with `ActiveClockPaused` while paused.
    function standing(uint64 number)
        external
        view
        returns (bytes32 hashThere, uint64 lastSetPosition_, bytes32 currentSetHash, uint64 activeTime_);

    /// @notice Number of activations so far.
    function epoch() external view returns (uint64);

    /// @notice Block time in seconds from which `activateEpoch` may be called; zero before the first activation.
    function nextEpochAt() external view returns (uint256);

    /// @notice Number of changes that wait, counting some that will turn out to be void.
    function pendingChanges() external view returns (uint256);

    /// @notice One operator.
    function operatorOf(address owner) external view returns (OperatorRecord memory);

    /// @notice Operator that a key belongs to or once belonged to; zero for a key that was never registered.
    function operatorOfSigner(address signer) external view returns (address);

    /// @notice Whether what this key signs, in use or retired, can cost a stake: whether its operator has one here.
    function isSlashable(address signer) external view returns (bool);

    /// @notice Whether `retire` was called.
    function retired() external view returns (bool);

    /// @notice The fixed parameters.
    function parameters() external view returns (RegistryParameters memory);

    /// @notice The token that stakes are in.
    function stakeToken() external view returns (address);

    /// @notice Digest that a signer signs to consent to its operator.
    function consentDigest(address operator, address signer) external view returns (bytes32);
}
