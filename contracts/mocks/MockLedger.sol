// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {CheckpointRecord, ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {Checkpoint, SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";

/// @title MockLedger
/// @notice A ledger for the tests of contracts that read one: it asks for no signatures and no time. `commit` takes any
/// next checkpoint, `setFinal` decides what is final up to where, and `accept` makes a snapshot proof hold.
/// @dev For tests only: anybody may call everything.
contract MockLedger is ICheckpointLedger {
    address public immutable registry;
    uint256 public immutable deploymentBlock = block.number;
    // solhint-disable-next-line const-name-snakecase
    uint32 public constant challengeWindow = 1;

    uint64 public lastNumber;
    uint64 private _final;
    uint64 private _fallenFrom = type(uint64).max;
    address private _successor;
    bool public retired;
    address public turnCourt;
    mapping(uint64 number => CheckpointRecord) private _records;
    mapping(bytes32 proof => bool) private _accepted;

    /// @param registry_ What `registry()` answers; a contract with `operatorOf` for whoever asks it about operators.
    constructor(address registry_) {
        registry = registry_;
        _records[0].hash = keccak256("mock genesis");
        _records[0].committedAt = uint64(block.timestamp);
        _records[0].finalAt = uint64(block.timestamp);
    }

    /// @notice Makes everything up to a number final, and nothing after it.
    function setFinal(uint64 number) external {
        _final = number;
    }

    /// @notice Makes `verifySnapshot` say yes to this proof.
    function accept(SnapshotProof calldata proof) external {
        _accepted[keccak256(abi.encode(proof))] = true;
    }

    /// @notice Makes the successor take over.
    function retire() external {
        retired = true;
    }

    /// @inheritdoc ICheckpointLedger
    function commit(Checkpoint calldata next, uint256[] calldata, bytes calldata) external {
        if (next.number != lastNumber + 1) revert CheckpointLedgerWrongNumber(lastNumber + 1, next.number);
        bytes32 hash = keccak256(abi.encode(next));
        lastNumber = next.number;
        CheckpointRecord storage stored = _records[next.number];
        stored.hash = hash;
        stored.segmentsRoot = next.segmentsRoot;
        stored.registryPosition = next.registryPosition;
        stored.committedAt = uint64(block.timestamp);
        stored.finalAt = uint64(block.timestamp) + challengeWindow;
        emit CheckpointCommitted(next.number, hash, next, 0);
    }

    /// @inheritdoc ICheckpointLedger
    function openDispute(uint64 number, bytes32) external {
        emit DisputeOpened(number, msg.sender, ++_records[number].openDisputes);
    }

    /// @inheritdoc ICheckpointLedger
    function closeDispute(uint64 number, bytes32) external {
        emit DisputeClosed(number, msg.sender, --_records[number].openDisputes);
    }

    /// @inheritdoc ICheckpointLedger
    function fell(uint64 number, bytes32) external {
        _fallenFrom = number;
        emit CheckpointFell(number, lastNumber, number - 1, msg.sender);
    }

    /// @inheritdoc ICheckpointLedger
    function announceSuccessor(address ledger, uint64 notBefore) external {
        _successor = ledger;
        emit SuccessorAnnounced(ledger, notBefore);
    }

    /// @inheritdoc ICheckpointLedger
    function nameTurnCourt(address court) external {
        turnCourt = court;
        emit TurnCourtNamed(court);
    }

    /// @inheritdoc ICheckpointLedger
    function latestAttested() external view returns (uint64 number, bytes32 hash) {
        number = lastNumber < _fallenFrom ? lastNumber : _fallenFrom - 1;
        hash = _records[number].hash;
    }

    /// @inheritdoc ICheckpointLedger
    function latestFinal() external view returns (uint64 number, bytes32 hash) {
        number = lastNumber;
        while (!isFinal(number)) --number;
        hash = _records[number].hash;
    }

    /// @inheritdoc ICheckpointLedger
    function checkpoint(uint64 number) external view returns (CheckpointRecord memory record) {
        record = _records[number];
        if (record.hash == 0) revert CheckpointLedgerUnknown(number);
        record.fallen = number >= _fallenFrom;
    }

    /// @inheritdoc ICheckpointLedger
    function checkpointHash(uint64 number) external view returns (bytes32) {
        return _records[number].hash;
    }

    /// @inheritdoc ICheckpointLedger
    function isFinal(uint64 number) public view returns (bool) {
        return number <= _final && number <= lastNumber && number < _fallenFrom && _records[number].openDisputes == 0;
    }

    /// @inheritdoc ICheckpointLedger
    function finalizedAt(uint64 number) external view returns (uint64) {
        return isFinal(number) ? _records[number].finalAt : 0;
    }

    /// @inheritdoc ICheckpointLedger
    function verifySnapshot(SnapshotProof calldata proof) external view returns (bool) {
        return _accepted[keccak256(abi.encode(proof))];
    }

    /// @inheritdoc ICheckpointLedger
    function domainSeparator() public view returns (bytes32) {
        return WeftHash.domainSeparator(block.chainid, address(this));
    }

    /// @inheritdoc ICheckpointLedger
    function headerHash(SegmentHeader calldata header) external view returns (bytes32) {
        return WeftHash.headerHash(domainSeparator(), header);
    }

    /// @inheritdoc ICheckpointLedger
    function successor() external view returns (address ledger, uint64 notBefore) {
        return (_successor, 0);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(ICheckpointLedger).interfaceId || id == type(IERC165).interfaceId;
    }
}
