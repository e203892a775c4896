// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";

/// @title SignerKeys
/// @notice Which operator a hot key belongs to. A key is never freed: what it signed stays attributable.
abstract contract SignerKeys is IOperatorRegistry, EIP712 {
    using SafeCast for uint256;

    bytes32 private constant CONSENT_TYPEHASH = keccak256("SignerConsent(address operator,address signer)");

    struct SignerRecord {
        address operator;
        uint64 retiredAt; // zero while in use; seconds
    }

    mapping(address signer => SignerRecord) private _signers;

    constructor() EIP712("Weft", "1") {}

    /// @inheritdoc IOperatorRegistry
    function operatorOfSigner(address signer) external view returns (address) {
        return _signers[signer].operator;
    }

    /// @inheritdoc IOperatorRegistry
    function consentDigest(address operator, address signer) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(CONSENT_TYPEHASH, operator, signer)));
    }

    /// @dev Gives a fresh key that consents to the caller.
    function _takeSigner(address signer, bytes calldata consent) internal {
        if (_signers[signer].operator != address(0)) revert OperatorRegistrySignerTaken(signer);
        if (ECDSA.recoverCalldata(consentDigest(msg.sender, signer), consent) != signer) {
            revert OperatorRegistryNoConsent(signer);
        }
        _signers[signer].operator = msg.sender;
    }

    /// @dev A key retires when the set no longer lists it, so its liability covers the last thing that it attested.
    function _retire(address signer) internal {
        _signers[signer].retiredAt = block.timestamp.toUint64();
    }

    function _signerRecord(address signer) internal view returns (address operator, uint256 retiredAt) {
        SignerRecord memory record = _signers[signer];
        return (record.operator, record.retiredAt);
    }
}
