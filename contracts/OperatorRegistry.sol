// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {
    IOperatorRegistry,
    OperatorRecord,
    OperatorStatus,
    RegistryParameters
} from "./interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "./libraries/OperatorSet.sol";
import {RegistryRules} from "./libraries/RegistryRules.sol";
import {RegistryPositions} from "./registry/RegistryPositions.sol";
import {SignerKeys} from "./registry/SignerKeys.sol";

/// @title OperatorRegistry
/// @notice Stakes, the queue of changes and convictions; see the interface.
/// @dev INVARIANT: the token balance is the stake of everyone who has neither withdrawn nor been convicted, plus the
/// unclaimed bounties (plus what was sent here unasked).
/// INVARIANT: `seats` counts who is in the set or waits for it, so the set never exceeds `maxOperators`.
contract OperatorRegistry is RegistryPositions, SignerKeys, AccessManaged, ReentrancyGuard {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    uint256 private constant MAX_ENDPOINT_BYTES = 255;

    struct Queue {
        uint64 first;
        uint64 end;
        uint32 seats; // in the set or waiting for it
        uint32 waiting; // joined, neither activated nor leaving
    }

    /// @dev A change that waits for an epoch: one of the kinds joined, rotated, exit.
    struct Change {
        address operator;
        uint8 kind;
    }

    Queue private _queue;
    RegistryParameters private _parameters;
    ERC20Burnable private immutable _token;

    mapping(address owner => OperatorRecord) private _operators;
    mapping(uint64 slot => Change) private _changes;
    mapping(address reporter => uint256) private _bounties;

    constructor(address authority, ERC20Burnable token, RegistryParameters memory parameters_)
        AccessManaged(authority)
    {
        RegistryRules.check(parameters_);
        _token = token;
        _parameters = parameters_;
    }

    /// @inheritdoc IOperatorRegistry
    function join(address signer, string calldata endpoint, uint96 stake, bytes calldata consent)
        external
        nonReentrant
    {
        // An owner joins once. Were it to come back, tracks that ended with it would have to go on.
        _requireStatus(msg.sender, OperatorStatus.None);
        if (stake < _parameters.minStake) revert OperatorRegistryStakeTooSmall(stake, _parameters.minStake);
        if (_queue.seats >= _parameters.maxOperators) revert OperatorRegistryFull(_parameters.maxOperators);
        _checkEndpoint(endpoint);
        _takeSigner(signer, consent);

        _queue.seats += 1;
        _queue.waiting += 1;
        _operators[msg.sender] = OperatorRecord(signer, stake, address(0), 0, OperatorStatus.Pending);
        _enqueue(KIND_JOINED);
        (uint64 number, bytes32 hash) = _advance(KIND_JOINED, keccak256(abi.encode(msg.sender, signer, stake)));
        emit OperatorJoined(number, hash, msg.sender, signer, stake, endpoint);

        IERC20(address(_token)).safeTransferFrom(msg.sender, address(this), stake);
    }

    /// @inheritdoc IOperatorRegistry
    function rotateSigner(address newSigner, bytes calldata consent) external {
        // SAFETY: only who is listed rotates, once per epoch; else one stake could lengthen the history without end.
        _requireStatus(msg.sender, OperatorStatus.Active);
        OperatorRecord storage record = _operators[msg.sender];
        address oldSigner = record.signer;
        if (record.listedSigner != oldSigner) revert OperatorRegistryRotationPending(msg.sender);
        _takeSigner(newSigner, consent);
        record.signer = newSigner;
        _enqueue(KIND_ROTATED);
        (uint64 number, bytes32 hash) =
            _advance(KIND_ROTATED, keccak256(abi.encode(msg.sender, oldSigner, newSigner)));
        emit SignerRotated(number, hash, msg.sender, oldSigner, newSigner);
    }

    /// @inheritdoc IOperatorRegistry
    function setEndpoint(string calldata endpoint) external {
        OperatorStatus status = _operators[msg.sender].status;
        if (status != OperatorStatus.Pending && status != OperatorStatus.Active && status != OperatorStatus.Exiting) {
            revert OperatorRegistryWrongStatus(msg.sender, status);
        }
        _checkEndpoint(endpoint);
        emit EndpointChanged(msg.sender, endpoint);
    }

    /// @inheritdoc IOperatorRegistry
    function requestExit() external {
        OperatorRecord storage record = _operators[msg.sender];
        if (record.status == OperatorStatus.Pending) _queue.waiting -= 1;
        else _requireStatus(msg.sender, OperatorStatus.Active);
        record.status = OperatorStatus.Exiting;
        _enqueue(KIND_EXIT);
        (uint64 number, bytes32 hash) = _advance(KIND_EXIT, keccak256(abi.encode(msg.sender)));
        emit ExitRequested(number, hash, msg.sender);
    }

    /// @inheritdoc IOperatorRegistry
    function withdraw() external nonReentrant {
        _requireStatus(msg.sender, OperatorStatus.Left);
        OperatorRecord storage record = _operators[msg.sender];
        uint256 until = uint256(record.leftAt) + _parameters.unbondingSeconds;
        if (block.timestamp < until) revert OperatorRegistryUnbonding(until);
        uint256 amount = record.stake;
        record.stake = 0;
        record.status = OperatorStatus.Withdrawn;
        emit Withdrawn(msg.sender, amount);
        IERC20(address(_token)).safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IOperatorRegistry
    function activateEpoch(uint256[] calldata currentSet) external {
        _checkSet(currentSet);
        uint256 limit = pendingChanges();
        if (epoch() == 0) {
            // The first set is not capped: there is nobody yet whom a sudden change could outvote.
            uint256 waiting = _queue.waiting;
            if (waiting < _parameters.minOperators) {
                revert OperatorRegistryTooFewOperators(waiting, _parameters.minOperators);
            }
        } else {
            uint256 opensAt = nextEpochAt();
            if (block.timestamp < opensAt) revert OperatorRegistryEpochTooEarly(opensAt);
            // An empty activation would only push checkpoints under way below the latest set position.
            if (limit == 0) revert OperatorRegistryNothingPending();
            if (limit > _parameters.maxChangesPerEpoch) limit = _parameters.maxChangesPerEpoch;
        }

        uint256[] memory set = OperatorSet.copy(currentSet, currentSet.length, limit);
        uint256 length = currentSet.length;
        uint64 next = _queue.first;
        for (uint256 i = 0; i < limit; ++i) {
            length = _apply(_changes[next], set, length);
            delete _changes[next];
            ++next;
        }
        _queue.first = next;

        set = OperatorSet.copy(set, length, 0);
        _advanceEpoch(set);
    }

    /// @inheritdoc IOperatorRegistry
    function slash(address operator, address reporter, uint256[] calldata currentSet)
        external
        restricted
        nonReentrant
    {
        _checkSet(currentSet);
        OperatorRecord storage record = _operators[operator];
        OperatorStatus status = record.status;
        // SAFETY: a stake is slashed once, and never after it was withdrawn.
        if (!RegistryRules.hasStake(status)) revert OperatorRegistryWrongStatus(operator, status);

        uint256[] memory set = currentSet;
        if (record.listedSigner != address(0)) {
            OperatorSet.remove(set, set.length, record.listedSigner);
            set = OperatorSet.copy(set, set.length - 1, 0);
            record.listedSigner = address(0);
        }
        if (status == OperatorStatus.Pending) _queue.waiting -= 1;
        if (status != OperatorStatus.Left) _queue.seats -= 1;

        uint256 bounty = _parameters.bounty;
        uint256 burned = record.stake - bounty;
        record.stake = 0;
        record.status = OperatorStatus.Convicted;
        _bounties[reporter] += bounty;

        _advanceConviction(operator, set);
        emit StakeSlashed(operator, reporter, burned, bounty);
        _token.burn(burned);
    }

    /// @inheritdoc IOperatorRegistry
    function claim() external nonReentrant {
        uint256 amount = _bounties[msg.sender];
        if (amount == 0) revert OperatorRegistryNoBounty(msg.sender);
        _bounties[msg.sender] = 0;
        emit BountyClaimed(msg.sender, amount);
        IERC20(address(_token)).safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IOperatorRegistry
    function nextEpochAt() public view returns (uint256) {
        return epoch() == 0 ? 0 : _activatedAt() + _parameters.epochSeconds;
    }

    /// @inheritdoc IOperatorRegistry
    function pendingChanges() public view returns (uint256) {
        return _queue.end - _queue.first;
    }

    /// @inheritdoc IOperatorRegistry
    function operatorOf(address owner) external view returns (OperatorRecord memory) {
        return _operators[owner];
    }

    /// @inheritdoc IOperatorRegistry
    function isSlashable(address signer) external view returns (bool) {
        return RegistryRules.hasStake(_operators[operatorOfSigner(signer)].status);
    }

    /// @inheritdoc IOperatorRegistry
    function bountyOf(address reporter) external view returns (uint256) {
        return _bounties[reporter];
    }

    /// @inheritdoc IOperatorRegistry
    function parameters() external view returns (RegistryParameters memory) {
        return _parameters;
    }

    /// @inheritdoc IOperatorRegistry
    function stakeToken() external view returns (address) {
        return address(_token);
    }

    /// @dev Applies one waiting change to the first `length` words of `set` and returns the new length. Changes of
    /// operators that were convicted meanwhile, and joins of operators that already leave, are void.
    function _apply(Change memory change, uint256[] memory set, uint256 length) private returns (uint256) {
        OperatorRecord storage record = _operators[change.operator];
        OperatorStatus status = record.status;
        if (change.kind == KIND_JOINED && status == OperatorStatus.Pending) {
            record.status = OperatorStatus.Active;
            record.listedSigner = record.signer;
            _queue.waiting -= 1;
            OperatorSet.insert(set, length, OperatorSet.word(record.signer, record.stake));
            return length + 1;
        }
        address listed = record.listedSigner;
        if (change.kind == KIND_ROTATED && listed != address(0)) {
            OperatorSet.remove(set, length, listed);
            OperatorSet.insert(set, length - 1, OperatorSet.word(record.signer, record.stake));
            record.listedSigner = record.signer;
            return length;
        }
        if (change.kind == KIND_EXIT && status == OperatorStatus.Exiting) {
            record.status = OperatorStatus.Left;
            record.leftAt = block.timestamp.toUint64();
            _queue.seats -= 1;
            if (listed == address(0)) return length; // it asked to leave before it ever was in the set
            OperatorSet.remove(set, length, listed);
            record.listedSigner = address(0);
            return length - 1;
        }
        return length;
    }

    function _enqueue(uint8 kind) private {
        _changes[_queue.end] = Change(msg.sender, kind);
        _queue.end += 1;
    }

    function _checkEndpoint(string calldata endpoint) private pure {
        uint256 length = bytes(endpoint).length;
        if (length == 0 || length > MAX_ENDPOINT_BYTES) {
            revert OperatorRegistryInvalidEndpoint(length, MAX_ENDPOINT_BYTES);
        }
    }

    function _requireStatus(address operator, OperatorStatus expected) private view {
        OperatorStatus status = _operators[operator].status;
        if (status != expected) revert OperatorRegistryWrongStatus(operator, status);
    }
}
