// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {IEquivocationCourt} from "../interfaces/IEquivocationCourt.sol";
import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {SegmentHeader} from "../libraries/WeftTypes.sol";

/// @title EquivocationCourt
/// @notice Convicts who says two things at one place of a track; see the interface.
/// @dev Evidence is ECDSA only: what an ERC-1271 contract calls a signature can change after the fact. A process
/// draws a new incarnation at every start, so nobody gets here by accident.
contract EquivocationCourt is IEquivocationCourt {
    ICheckpointLedger private immutable _ledger;
    IOperatorRegistry private immutable _registry;

    constructor(ICheckpointLedger ledger_) {
        _ledger = ledger_;
        _registry = IOperatorRegistry(ledger_.registry());
    }

    /// @inheritdoc IEquivocationCourt
    function convict(
        SegmentHeader calldata a,
        bytes calldata signatureA,
        SegmentHeader calldata b,
        bytes calldata signatureB,
        uint256[] calldata currentSet
    ) external {
        if (a.operator != b.operator || a.incarnation != b.incarnation || a.sequence != b.sequence) {
            revert EquivocationCourtDifferentPlaces();
        }
        bytes32 domain = WeftHash.domainSeparator(block.chainid, address(_ledger));
        bytes32 hashA = WeftHash.headerHash(domain, a);
        bytes32 hashB = WeftHash.headerHash(domain, b);
        if (hashA == hashB) revert EquivocationCourtSameHeader(hashA);
        address signerA = _attribute(a.operator, hashA, signatureA, address(0));
        address signerB = _attribute(a.operator, hashB, signatureB, signerA);
        if (!_registry.isSlashable(signerB)) revert EquivocationCourtNotSlashable(signerB);
        emit EquivocationProven(a.operator, a.incarnation, a.sequence, hashA, hashB);
        _registry.slash(a.operator, msg.sender, currentSet);
    }

    /// @inheritdoc IEquivocationCourt
    function ledger() external view returns (address) {
        return address(_ledger);
    }

    /// @inheritdoc IEquivocationCourt
    function registry() external view returns (address) {
        return address(_registry);
    }

    /// @dev The signer is, or was, a key of the operator; `known` is one already looked up.
    function _attribute(address operator, bytes32 hash, bytes calldata signature, address known)
        private
        view
        returns (address signer)
    {
        signer = ECDSA.recoverCalldata(hash, signature);
        if (signer == known) return signer;
        if (_registry.operatorOfSigner(signer) != operator) revert EquivocationCourtForeignSigner(signer, operator);
    }
}
