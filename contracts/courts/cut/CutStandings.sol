// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EntryAt, ICutCourt, QuietPosition} from "../../interfaces/ICutCourt.sol";
import {OperatorSet} from "../../libraries/OperatorSet.sol";
import {Checkpoint} from "../../libraries/WeftTypes.sol";
import {CutCase} from "./CutCase.sol";

/// @title CutStandings
/// @notice Accusations of who has ended: the registry's running hash says what happened at each position.
/// @dev A key belongs to one operator for ever and an owner joins once, so whoever is missing in a set after it asked to
/// leave is gone for good, and whoever is in one has neither left nor been convicted up to there.
abstract contract CutStandings is CutCase {
    uint8 private constant KIND_EXIT = 3;
    uint8 private constant KIND_EPOCH = 4;
    uint8 private constant KIND_CONVICTED = 5;

    /// @inheritdoc ICutCourt
    function proveConvicted(
        Checkpoint calldata checkpoint,
        EntryAt calldata here,
        uint64 conviction,
        bytes32 setHash
    ) external {
        _requireEntry(checkpoint, here);
        _require(conviction <= checkpoint.registryPosition, "position");
        _requirePosition(conviction, KIND_CONVICTED, keccak256(abi.encode(here.entry.operator, setHash)));
        _judge(checkpoint, Lie.Ended, here.slot, !here.entry.ended);
    }

    /// @inheritdoc ICutCourt
    function proveGone(
        Checkpoint calldata checkpoint,
        EntryAt calldata here,
        uint64 exit,
        uint64 activation,
        uint64 epoch,
        uint256[] calldata set
    ) external {
        _requireEntry(checkpoint, here);
        _require(exit < activation && activation <= checkpoint.registryPosition, "position");
        _requirePosition(exit, KIND_EXIT, keccak256(abi.encode(here.entry.operator)));
        _requirePosition(activation, KIND_EPOCH, keccak256(abi.encode(epoch, OperatorSet.hash(set))));
        _require(!_isMember(here.entry.operator, set), "set");
        _judge(checkpoint, Lie.Ended, here.slot, !here.entry.ended);
    }

    /// @inheritdoc ICutCourt
    function proveMember(
        Checkpoint calldata checkpoint,
        EntryAt calldata here,
        uint64 recorded,
        uint8 kind,
        bytes32 subject,
        uint256[] calldata set,
        QuietPosition[] calldata quiet
    ) external {
        _requireEntry(checkpoint, here);
        _require(kind == KIND_EPOCH || kind == KIND_CONVICTED, "kind");
        // An epoch's number and an address are both encoded as one word.
        _requirePosition(recorded, kind, keccak256(abi.encode(subject, OperatorSet.hash(set))));
        _require(uint256(recorded) + quiet.length >= checkpoint.registryPosition, "position");
        uint64 position = recorded;
        for (uint256 i = 0; i < quiet.length; ++i) {
            ++position;
            _require(quiet[i].kind < KIND_EPOCH, "quiet");
            _requirePosition(position, quiet[i].kind, quiet[i].payload);
        }
        _require(_isMember(here.entry.operator, set), "set");
        _judge(checkpoint, Lie.Ended, here.slot, here.entry.ended);
    }

    /// @dev That is what happened at the position.
    function _requirePosition(uint64 position, uint8 kind, bytes32 payload) private view {
        _require(position > 0, "position");
        bytes32 before = _registry.positionHash(position - 1);
        bytes32 expected = keccak256(abi.encode(before, position, kind, payload));
        _require(_registry.positionHash(position) == expected, "registry");
    }

    function _isMember(address operator, uint256[] calldata set) private view returns (bool) {
        for (uint256 i = 0; i < set.length; ++i) {
            if (_registry.operatorOfSigner(OperatorSet.signerOf(set[i])) == operator) return true;
        }
        return false;
    }
}
