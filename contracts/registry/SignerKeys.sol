// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";

/// @title SignerKeys
/// @notice Which operator a hot key belongs to. A key is never freed: what it signs stays attributable.
/// @dev When a key was retired is not recorded: workers take what it signs whenever it comes, so it is liable whenever
/// it comes.
abstract contract SignerKeys is IOperatorRegistry, EIP712 {
    bytes32 private constant CONSENT_TYPEHASH = keccak256("SignerConsent(address operator,address signer)");

    mapping(address signer => address operator) private _operatorOf;

    constructor() EIP712("Weft", "1") {}

    /// @inheritdoc IOperatorRegistry
    function operatorOfSigner(address signer) public view returns (address) {
        return _operatorOf[signer];
    }

    /// @inheritdoc IOperatorRegistry
    function consentDigest(address operator, address signer) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(CONSENT_TYPEHASH, operator, signer)));
    }

    /// @dev Gives a fresh key that consents to the caller.
    function _takeSigner(address signer, bytes calldata consent) internal {
        if (_operatorOf[signer] != address(0)) revert OperatorRegistrySignerTaken(signer);
        if (ECDSA.recoverCalldata(consentDigest(msg.sender, signer), consent) != signer) {
            revert OperatorRegistryNoConsent(signer);
        }
        _operatorOf[signer] = msg.sender;
    }
}
