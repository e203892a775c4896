// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "../libraries/OperatorSet.sol";
import {ActiveClock} from "./ActiveClock.sol";

/// @title RegistryPositions
/// @notice The registry's running hash and the operator set that it arrives at.
/// @dev INVARIANT: the set changes only with a position of its own, so "the set at a position" is well defined: it is
/// the one recorded by the latest activation or conviction up to there.
abstract contract RegistryPositions is IOperatorRegistry, ActiveClock {
    uint8 internal constant KIND_JOINED = 1;
    uint8 internal constant KIND_ROTATED = 2;
    uint8 internal constant KIND_EXIT = 3;
    uint8 private constant KIND_EPOCH = 4;
    uint8 private constant KIND_CONVICTED = 5;

    struct Head {
        uint64 position;
        uint64 lastSetPosition;
        uint64 epoch;
        uint64 activatedAt; // seconds of active time
    }

    Head private _head;
    bytes32 private _setHash;
    mapping(uint64 number => bytes32) private _positionHashes;

    constructor() {
        _setHash = OperatorSet.hash(new uint256[](0));
        _positionHashes[0] = keccak256(abi.encode(keccak256("Weft registry"), block.chainid, address(this)));
    }

    /// @inheritdoc IOperatorRegistry
    function position() external view returns (uint64) {
        return _head.position;
    }

    /// @inheritdoc IOperatorRegistry
    function positionHash(uint64 number) external view returns (bytes32) {
        return _positionHashes[number];
    }

    /// @inheritdoc IOperatorRegistry
    function setHash() external view returns (bytes32) {
        return _setHash;
    }

    /// @inheritdoc IOperatorRegistry
    function lastSetPosition() external view returns (uint64) {
        return _head.lastSetPosition;
    }

    /// @inheritdoc IOperatorRegistry
    function standing(uint64 number)
        external
        view
        returns (bytes32 hashThere, uint64 lastSetPosition_, bytes32 currentSetHash, uint64 activeTime_)
    {
        return (_positionHashes[number], _head.lastSetPosition, _setHash, _running());
    }

    /// @inheritdoc IOperatorRegistry
    function epoch() public view returns (uint64) {
        return _head.epoch;
    }

    /// @dev Appends a position and returns it with its hash.
    function _advance(uint8 kind, bytes32 payload) internal returns (uint64 number, bytes32 hash) {
        bytes32 before = _positionHashes[_head.position];
        number = _head.position + 1;
        hash = keccak256(abi.encode(before, number, kind, payload));
        _head.position = number;
        _positionHashes[number] = hash;
    }

    /// @dev Records the set that an epoch begins with, at this active time.
    function _advanceEpoch(uint256[] memory set, uint64 activeNow) internal {
        uint64 started = _head.epoch + 1;
        _head.epoch = started;
        _head.activatedAt = activeNow;
        bytes32 digest = OperatorSet.hash(set);
        (uint64 number, bytes32 hash) = _advance(KIND_EPOCH, keccak256(abi.encode(started, digest)));
        _head.lastSetPosition = number;
        _setHash = digest;
        emit EpochActivated(number, hash, started, digest, set);
    }

    /// @dev Records the set that a conviction leaves; the caller is the court.
    function _advanceConviction(address operator, uint256[] memory set) internal {
        bytes32 digest = OperatorSet.hash(set);
        (uint64 number, bytes32 hash) = _advance(KIND_CONVICTED, keccak256(abi.encode(operator, digest)));
        _head.lastSetPosition = number;
        _setHash = digest;
        emit OperatorConvicted(number, hash, operator, msg.sender, digest, set);
    }

    function _activatedAt() internal view returns (uint64) {
        return _head.activatedAt;
    }

    function _checkSet(uint256[] calldata set) internal view {
        bytes32 actual = OperatorSet.hash(set);
        if (actual != _setHash) revert OperatorRegistrySetMismatch(_setHash, actual);
    }
}
