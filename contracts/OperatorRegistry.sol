// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ICheckpointLedger} from "./interfaces/ICheckpointLedger.sol";
import {
    IOperatorRegistry,
    OperatorRecord,
    OperatorStatus,
    RegistryParameters
} from "./interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "./libraries/OperatorSet.sol";
import {RegistryRules} from "./libraries/RegistryRules.sol";
import {EpochQueue} from "./registry/EpochQueue.sol";
import {SignerKeys} from "./registry/SignerKeys.sol";

/// @title OperatorRegistry
/// @notice Stakes and convictions; see the interface.
/// @dev INVARIANT: the token balance is the stake of everyone who has neither withdrawn nor been settled (plus what
/// was sent here unasked). Each function that moves tokens does so last and once, so none needs a reentrancy guard.
contract OperatorRegistry is EpochQueue, SignerKeys, AccessManaged {
    using SafeERC20 for IERC20;

    uint256 private constant MAX_ENDPOINT_BYTES = 255;

    ERC20Burnable private immutable _token;

    constructor(address authority, ERC20Burnable token, RegistryParameters memory parameters_)
        AccessManaged(authority)
        EpochQueue(parameters_)
    {
        _token = token;
    }

    /// @inheritdoc IOperatorRegistry
    function join(address signer, string calldata endpoint, uint96 stake, bytes calldata consent) external {
        _running();
        if (_queue.retired) revert OperatorRegistryRetired();
        // An owner joins once. Were it to come back, tracks that ended with it would have to go on.
        _requireStatus(msg.sender, OperatorStatus.None);
        if (stake < _parameters.minStake) revert OperatorRegistryStakeTooSmall(stake, _parameters.minStake);
        if (_queue.seats >= _parameters.maxOperators) revert OperatorRegistryFull(_parameters.maxOperators);
        _checkEndpoint(endpoint);
        _takeSigner(signer, consent);

        _queue.seats += 1;
        _queue.waiting += 1;
        _operators[msg.sender] = Operator(signer, stake, address(0), 0, OperatorStatus.Pending);
        _enqueue(KIND_JOINED);
        (uint64 number, bytes32 hash) = _advance(KIND_JOINED, keccak256(abi.encode(msg.sender, signer, stake)));
        emit OperatorJoined(number, hash, msg.sender, signer, stake, endpoint);

        IERC20(address(_token)).safeTransferFrom(msg.sender, address(this), stake);
    }

    /// @inheritdoc IOperatorRegistry
    function rotateSigner(address newSigner, bytes calldata consent) external {
        _running();
        // SAFETY: only who is listed rotates, once per epoch; else one stake could lengthen the history without end.
        _requireStatus(msg.sender, OperatorStatus.Active);
        Operator storage record = _operators[msg.sender];
        address oldSigner = record.signer;
        if (record.listedOrReporter != oldSigner) revert OperatorRegistryRotationPending(msg.sender);
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
        Operator storage record = _operators[msg.sender];
        if (record.status == OperatorStatus.Pending) _queue.waiting -= 1;
        else _requireStatus(msg.sender, OperatorStatus.Active);
        record.status = OperatorStatus.Exiting;
        _enqueue(KIND_EXIT);
        (uint64 number, bytes32 hash) = _advance(KIND_EXIT, keccak256(abi.encode(msg.sender)));
        emit ExitRequested(number, hash, msg.sender);
    }

    /// @inheritdoc IOperatorRegistry
    function withdraw() external {
        uint64 activeNow = _running();
        _requireStatus(msg.sender, OperatorStatus.Left);
        Operator storage record = _operators[msg.sender];
        uint64 until = record.leftAt + _parameters.unbondingSeconds;
        if (activeNow < until) revert OperatorRegistryUnbonding(wallTime(until));
        uint256 amount = record.stake;
        record.stake = 0;
        record.status = OperatorStatus.Withdrawn;
        emit Withdrawn(msg.sender, amount);
        IERC20(address(_token)).safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IOperatorRegistry
    function slash(address operator, address reporter, uint256[] calldata currentSet) external restricted {
        _running();
        _checkSet(currentSet);
        Operator storage record = _operators[operator];
        OperatorStatus status = record.status;
        // SAFETY: a stake is slashed once, and never after it was withdrawn.
        if (!RegistryRules.hasStake(status)) revert OperatorRegistryWrongStatus(operator, status);

        uint256[] memory set = currentSet;
        address listed = record.listedOrReporter;
        if (listed != address(0)) {
            OperatorSet.remove(set, set.length, listed);
            set = OperatorSet.copy(set, set.length - 1, 0);
        }
        if (status == OperatorStatus.Pending) _queue.waiting -= 1;
        if (status != OperatorStatus.Left) _queue.seats -= 1;
        record.listedOrReporter = reporter;
        record.status = OperatorStatus.Convicted;
        _advanceConviction(operator, set);
    }

    /// @inheritdoc IOperatorRegistry
    function settle(address operator) external {
        _requireStatus(operator, OperatorStatus.Convicted);
        Operator storage record = _operators[operator];
        uint256 stake = record.stake;
        if (stake == 0) revert OperatorRegistrySettled(operator);
        record.stake = 0;
        address reporter = record.listedOrReporter;
        uint256 bounty = _parameters.bounty;
        emit StakeSlashed(operator, reporter, stake - bounty, bounty);
        _token.burn(stake - bounty);
        IERC20(address(_token)).safeTransfer(reporter, bounty);
    }

    /// @inheritdoc IOperatorRegistry
    function pause(uint256 duration) external restricted {
        _pauseFor(duration, _parameters.longestPauseSeconds);
    }

    /// @inheritdoc IOperatorRegistry
    function resume() external restricted {
        _endPause();
    }

    /// @inheritdoc IOperatorRegistry
    function retire(ICheckpointLedger ledger) external restricted {
        if (_queue.retired) revert OperatorRegistryRetired();
        if (ledger.registry() != address(this) || !ledger.retired()) {
            revert OperatorRegistryNotRetired(address(ledger));
        }
        _queue.retired = true;
        emit RegistryRetired(address(ledger));
    }

    /// @inheritdoc IOperatorRegistry
    function operatorOf(address owner) external view returns (OperatorRecord memory) {
        Operator memory o = _operators[owner];
        (address listed, address reporter) = o.status == OperatorStatus.Convicted
            ? (address(0), o.listedOrReporter)
            : (o.listedOrReporter, address(0));
        return OperatorRecord(o.signer, o.stake, listed, o.leftAt, o.status, reporter);
    }

    /// @inheritdoc IOperatorRegistry
    function isSlashable(address signer) external view returns (bool) {
        return RegistryRules.hasStake(_operators[operatorOfSigner(signer)].status);
    }

    /// @inheritdoc IOperatorRegistry
    function retired() external view returns (bool) {
        return _queue.retired;
    }

    /// @inheritdoc IOperatorRegistry
    function parameters() external view returns (RegistryParameters memory) {
        return _parameters;
    }

    /// @inheritdoc IOperatorRegistry
    function stakeToken() external view returns (address) {
        return address(_token);
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
