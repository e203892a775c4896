// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IAttesterCourt} from "../interfaces/IAttesterCourt.sol";
import {CheckpointRecord, ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {Checkpoint} from "../libraries/WeftTypes.sol";

/// @title AttesterCourt
/// @notice What courts about checkpoints share; see the interface.
/// @dev An attestation is a statement of fact, so a signature of a wrong checkpoint costs the stake behind it, whether
/// the commit needed it or not. INVARIANT: a checkpoint that is condemned was on record, and it falls unless it is final.
abstract contract AttesterCourt is IAttesterCourt {
    ICheckpointLedger internal immutable _ledger;
    IOperatorRegistry internal immutable _registry;

    /// @inheritdoc IAttesterCourt
    mapping(bytes32 hash => bool) public condemned;

    constructor(ICheckpointLedger ledger_) {
        _ledger = ledger_;
        _registry = IOperatorRegistry(ledger_.registry());
    }

    /// @inheritdoc IAttesterCourt
    function convict(bytes32 hash, bytes calldata signature, uint256[] calldata currentSet) external {
        if (!condemned[hash]) revert AttesterCourtNotCondemned(hash);
        address signer = ECDSA.recoverCalldata(hash, signature);
        address operator = _registry.operatorOfSigner(signer);
        if (operator == address(0)) revert AttesterCourtForeignSigner(signer);
        if (!_registry.isSlashable(signer)) revert AttesterCourtNotSlashable(signer);
        emit AttesterConvicted(operator, hash, signer);
        _registry.slash(operator, msg.sender, currentSet);
    }

    /// @inheritdoc IAttesterCourt
    function ledger() external view returns (address) {
        return address(_ledger);
    }

    /// @inheritdoc IAttesterCourt
    function registry() external view returns (address) {
        return address(_registry);
    }

    /// @dev Marks the checkpoint, and makes it fall unless it has. Reverts when it is not that one, or is final.
    function _condemn(uint64 number, bytes32 hash) internal {
        bool fallen = _requireAccusable(number, hash).fallen;
        condemned[hash] = true;
        emit CheckpointCondemned(number, hash);
        if (!fallen) _ledger.fell(number, hash);
    }

    /// @dev The checkpoint is that one and was not condemned yet, and it is not final: said before the work, not after.
    function _requireAccusable(uint64 number, bytes32 hash) internal view returns (CheckpointRecord memory record) {
        if (condemned[hash]) revert AttesterCourtCondemnedBefore(hash);
        record = _ledger.checkpoint(number);
        if (record.hash != hash) revert AttesterCourtUnknownCheckpoint(number, record.hash, hash);
        if (_ledger.isFinal(number)) revert ICheckpointLedger.CheckpointLedgerFinal(number);
    }

    /// @dev Hash of a checkpoint in the ledger's domain.
    function _hashOf(Checkpoint memory checkpoint) internal view returns (bytes32) {
        return WeftHash.checkpointHash(WeftHash.domainSeparator(block.chainid, address(_ledger)), checkpoint);
    }
}
