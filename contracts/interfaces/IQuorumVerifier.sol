// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title IQuorumVerifier
/// @notice Says how much of an operator set's stake signed a hash. A ledger is its own verifier (see `EcdsaQuorum`); a
/// successor may count another kind of signature behind the same function.
interface IQuorumVerifier {
    /// @notice Not a multiple of 65 bytes.
    error CheckpointLedgerSignaturesLength(uint256 length);
    /// @notice This signer is no member, is there twice, or is out of order.
    error CheckpointLedgerUnexpectedSigner(address signer);

    /// @notice Counts the stake behind signatures; reverts rather than skip one that does not count.
    /// @param hash What was signed.
    /// @param set The members: `signer << 96 | stake`, strictly ascending.
    /// @param signatures In the order of the set; their form is the verifier's.
    /// @return signedStake Of those who signed, in the stake token's smallest unit.
    /// @return totalStake Of the whole set.
    function countStake(bytes32 hash, uint256[] calldata set, bytes calldata signatures)
        external
        view
        returns (uint256 signedStake, uint256 totalStake);
}
