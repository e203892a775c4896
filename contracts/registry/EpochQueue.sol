// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorRegistry, OperatorStatus, RegistryParameters} from "../interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "../libraries/OperatorSet.sol";
import {RegistryRules} from "../libraries/RegistryRules.sol";
import {RegistryPositions} from "./RegistryPositions.sol";

/// @title EpochQueue
/// @notice Ordinary changes of the set wait here for an epoch, which applies the oldest ones, no more than a cap.
/// @dev INVARIANT: `seats` counts who is in the set or waits for it, so the set never exceeds `maxOperators`.
abstract contract EpochQueue is RegistryPositions {
    struct Queue {
        uint64 first;
        uint64 end;
        uint32 seats; // in the set or waiting for it
        uint32 waiting; // joined, neither activated nor leaving
        bool retired;
    }

    /// @dev A change that waits for an epoch: one of the kinds joined, rotated, exit.
    struct Change {
        address operator;
        uint8 kind;
    }

    struct Operator {
        address signer;
        uint96 stake;
        address listedOrReporter; // the key that the set lists; of a convicted operator, who reported it
        uint64 leftAt; // active time
        OperatorStatus status;
    }

    Queue internal _queue;
    RegistryParameters internal _parameters;
    mapping(address owner => Operator) internal _operators;
    mapping(uint64 slot => Change) private _changes;

    constructor(RegistryParameters memory parameters_) {
        RegistryRules.check(parameters_);
        _parameters = parameters_;
    }

    /// @inheritdoc IOperatorRegistry
    function activateEpoch(uint256[] calldata currentSet) external {
        uint64 activeNow = _running();
        _checkSet(currentSet);
        uint256 limit = pendingChanges();
        if (epoch() == 0) {
            // The first set is not capped: there is nobody yet whom a sudden change could outvote.
            uint256 waiting = _queue.waiting;
            if (waiting < _parameters.minOperators) {
                revert OperatorRegistryTooFewOperators(waiting, _parameters.minOperators);
            }
        } else {
            uint64 opensAt = _opensAt();
            if (activeNow < opensAt) revert OperatorRegistryEpochTooEarly(wallTime(opensAt));
            // An empty activation would only push checkpoints under way below the latest set position.
            if (limit == 0) revert OperatorRegistryNothingPending();
            if (limit > _parameters.maxChangesPerEpoch && !_queue.retired) limit = _parameters.maxChangesPerEpoch;
        }

        uint256[] memory set = OperatorSet.copy(currentSet, currentSet.length, limit);
        uint256 length = currentSet.length;
        uint64 next = _queue.first;
        for (uint256 i = 0; i < limit; ++i) {
            length = _apply(_changes[next], set, length, activeNow);
            delete _changes[next];
            ++next;
        }
        _queue.first = next;

        set = OperatorSet.copy(set, length, 0);
        _advanceEpoch(set, activeNow);
    }

    /// @inheritdoc IOperatorRegistry
    function nextEpochAt() public view returns (uint256) {
        return epoch() == 0 ? 0 : wallTime(_opensAt());
    }

    /// @inheritdoc IOperatorRegistry
    function pendingChanges() public view returns (uint256) {
        return _queue.end - _queue.first;
    }

    function _enqueue(uint8 kind) internal {
        _changes[_queue.end] = Change(msg.sender, kind);
        _queue.end += 1;
    }

    function _opensAt() private view returns (uint64) {
        return _activatedAt() + _parameters.epochSeconds;
    }

    /// @dev Applies one waiting change to the first `length` words of `set` and returns the new length. Changes of
    /// operators that were convicted meanwhile, and joins of operators that already leave, are void.
    function _apply(Change memory change, uint256[] memory set, uint256 length, uint64 activeNow)
        private
        returns (uint256)
    {
        Operator storage record = _operators[change.operator];
        OperatorStatus status = record.status;
        if (status == OperatorStatus.Convicted) return length;
        if (change.kind == KIND_JOINED && status == OperatorStatus.Pending) {
            record.status = OperatorStatus.Active;
            record.listedOrReporter = record.signer;
            _queue.waiting -= 1;
            OperatorSet.insert(set, length, OperatorSet.word(record.signer, record.stake));
            return length + 1;
        }
        address listed = record.listedOrReporter;
        if (change.kind == KIND_ROTATED && listed != address(0)) {
            OperatorSet.remove(set, length, listed);
            OperatorSet.insert(set, length - 1, OperatorSet.word(record.signer, record.stake));
            record.listedOrReporter = record.signer;
            return length;
        }
        if (change.kind == KIND_EXIT && status == OperatorStatus.Exiting) {
            record.status = OperatorStatus.Left;
            record.leftAt = activeNow;
            _queue.seats -= 1;
            if (listed == address(0)) return length; // it asked to leave before it ever was in the set
            OperatorSet.remove(set, length, listed);
            record.listedOrReporter = address(0);
            return length - 1;
        }
        return length;
    }
}
