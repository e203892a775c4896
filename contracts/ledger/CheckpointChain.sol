// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {CheckpointRecord, ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {HeadWord, LedgerWords, TimesWord} from "../libraries/LedgerWords.sol";
import {NumberSet} from "../libraries/NumberSet.sol";
import {Staircase} from "../libraries/Staircase.sol";
import {Checkpoint} from "../libraries/WeftTypes.sol";

/// @title CheckpointChain
/// @notice Records of checkpoints, and what becomes of them: disputed, fallen, final.
/// @dev INVARIANT: records are write-once. INVARIANT: a checkpoint's parent is the latest standing one, and a fall takes
/// every number from the fallen one on; so the standing ancestors of a standing checkpoint are the standing ones below
/// it. INVARIANT: `finalAt` never falls from one number to the next, for active time does not and the window is fixed. So
/// finality is monotone along standing checkpoints, and that of one implies that of its parent.
abstract contract CheckpointChain is ICheckpointLedger, AccessManaged {
    using NumberSet for NumberSet.Set;
    using SafeCast for uint256;
    using Staircase for Staircase.Steps;

    struct Record {
        bytes32 hash;
        bytes32 segmentsRoot;
        TimesWord times;
    }

    IOperatorRegistry internal immutable _registry;
    HeadWord internal _head;
    mapping(uint64 number => Record) internal _records;

    /// @dev Ranges of fallen numbers, the first to the last; neighbours are one range.
    Staircase.Steps private _fallen;
    /// @dev Numbers whose last dispute was closed after their window, to when that was, in active time.
    Staircase.Steps private _cleared;
    /// @dev Standing checkpoints with open disputes; 32 bits last for 136 years of one a second. Not a bounded list:
    /// whoever filled it with disputes about late checkpoints would shield an earlier one.
    NumberSet.Set private _disputed;
    mapping(uint64 number => uint32) private _openDisputes;

    constructor(IOperatorRegistry registry_) AccessManaged(IAccessManaged(address(registry_)).authority()) {
        _registry = registry_;
    }

    /// @inheritdoc ICheckpointLedger
    function openDispute(uint64 number, bytes32 hash) external restricted {
        _requireOpen(number, hash);
        uint32 open = _openDisputes[number] + 1;
        _openDisputes[number] = open;
        if (open == 1) _disputed.insert(uint256(number).toUint32());
        emit DisputeOpened(number, msg.sender, open);
    }

    /// @inheritdoc ICheckpointLedger
    function closeDispute(uint64 number, bytes32 hash) external restricted {
        _requireHash(number, hash);
        if (_openDisputes[number] == 0) revert CheckpointLedgerNotDisputed(number);
        uint32 open = _openDisputes[number] - 1;
        _openDisputes[number] = open;
        emit DisputeClosed(number, msg.sender, open);
        if (open > 0 || _isFallen(number)) return;
        _disputed.remove(uint256(number).toUint32());
        uint64 activeNow = _registry.activeTime();
        if (activeNow > _records[number].times.finalAt()) _cleared.put(number, activeNow);
    }

    /// @inheritdoc ICheckpointLedger
    function fell(uint64 number, bytes32 hash) external restricted {
        _requireOpen(number, hash);
        HeadWord head = _head;
        (uint64 from, uint64 to) = _fallen.find(number);
        // The range before it becomes longer where they touch, so what stands below a range is one number below it.
        if (from == 0 || to != number - 1) from = number;
        _fallen.put(from, head.last());
        _disputed.cut(uint256(number).toUint32());
        uint64 standing = from - 1;
        _head =
            LedgerWords.packHead(standing, _records[standing].times.registryPosition(), head.last(), head.retiresAt());
        emit CheckpointFell(number, head.last(), standing, msg.sender);
    }

    /// @inheritdoc ICheckpointLedger
    function latestAttested() external view returns (uint64 number, bytes32 hash) {
        number = _head.number();
        hash = _records[number].hash;
    }

    /// @inheritdoc ICheckpointLedger
    function lastNumber() external view returns (uint64) {
        return _head.last();
    }

    /// @inheritdoc ICheckpointLedger
    function latestFinal() external view returns (uint64 number, bytes32 hash) {
        // Finality is monotone along standing checkpoints and checkpoint 0 is final, so the border is found by halving.
        uint64 high = _head.number();
        while (number < high) {
            uint64 middle = number + (high - number + 1) / 2;
            if (isFinal(_standing(middle))) number = middle;
            else high = middle - 1;
        }
        number = _standing(number);
        hash = _records[number].hash;
    }

    /// @inheritdoc ICheckpointLedger
    function checkpoint(uint64 number) external view returns (CheckpointRecord memory) {
        Record memory stored = _records[number];
        if (stored.hash == 0) revert CheckpointLedgerUnknown(number);
        return CheckpointRecord({
            hash: stored.hash,
            segmentsRoot: stored.segmentsRoot,
            committedAt: stored.times.committedAt(),
            finalAt: _registry.wallTime(stored.times.finalAt()),
            registryPosition: stored.times.registryPosition(),
            challengeWindow: stored.times.challengeWindow(),
            openDisputes: _openDisputes[number],
            fallen: _isFallen(number)
        });
    }

    /// @inheritdoc ICheckpointLedger
    function checkpointHash(uint64 number) external view returns (bytes32) {
        return _records[number].hash;
    }

    /// @inheritdoc ICheckpointLedger
    function isFinal(uint64 number) public view returns (bool) {
        uint64 finalAt = _records[number].times.finalAt();
        // SAFETY: a zero timestamp is one that was never written, and never passes.
        if (finalAt == 0 || _registry.activeTime() < finalAt) return false;
        return !_isDisputed(number) && !_isFallen(number);
    }

    /// @inheritdoc ICheckpointLedger
    function finalizedAt(uint64 number) external view returns (uint64) {
        uint64 finalAt = _records[number].times.finalAt();
        if (finalAt == 0 || _isDisputed(number) || _isFallen(number)) return 0;
        (, uint64 clearedAt) = _cleared.find(number);
        return _registry.wallTime(clearedAt > finalAt ? clearedAt : finalAt);
    }

    /// @dev Writes the record; `finalAt` is active time.
    function _append(
        Checkpoint memory next,
        bytes32 hash,
        uint64 finalAt,
        uint32 window,
        uint64 retiresAt,
        uint256 signedStake
    ) internal {
        TimesWord times = LedgerWords.packTimes(block.timestamp.toUint64(), finalAt, next.registryPosition, window);
        _records[next.number] = Record(hash, next.segmentsRoot, times);
        _head = LedgerWords.packHead(next.number, next.registryPosition, next.number, retiresAt);
        emit CheckpointCommitted(next.number, hash, next, signedStake);
    }

    /// @dev Whether a dispute is open about a standing checkpoint or an ancestor of it.
    function _isDisputed(uint64 number) private view returns (bool) {
        (bool found, uint32 first) = _disputed.least();
        return found && number >= first;
    }

    function _isFallen(uint64 number) private view returns (bool) {
        (uint64 from, uint64 to) = _fallen.find(number);
        return from != 0 && number <= to;
    }

    /// @dev The latest standing number up to `number`.
    function _standing(uint64 number) private view returns (uint64) {
        (uint64 from, uint64 to) = _fallen.find(number);
        return from != 0 && number <= to ? from - 1 : number;
    }

    function _requireHash(uint64 number, bytes32 hash) private view {
        bytes32 there = _records[number].hash;
        if (there == 0) revert CheckpointLedgerUnknown(number);
        if (there != hash) revert CheckpointLedgerWrongHash(number, there, hash);
    }

    /// @dev The checkpoint is that one, stands and is not final.
    function _requireOpen(uint64 number, bytes32 hash) private view {
        _requireHash(number, hash);
        if (_isFallen(number)) revert CheckpointLedgerFallen(number);
        if (isFinal(number)) revert CheckpointLedgerFinal(number);
    }
}
