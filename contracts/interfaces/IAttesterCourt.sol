// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title IAttesterCourt
/// @notice A court about what checkpoints state. One that was proven wrong is condemned: it falls with all after it, and
/// whoever attested to it is convicted, each in a transaction of its own, by the signature that stands in its commit.
interface IAttesterCourt {
    /// @notice A checkpoint was proven wrong: whoever signed this hash may be convicted.
    event CheckpointCondemned(uint64 indexed number, bytes32 indexed hash);
    /// @notice An operator attested to a condemned checkpoint.
    event AttesterConvicted(address indexed operator, bytes32 indexed hash, address signer);

    /// @notice The checkpoint was condemned before; what is left is to convict its attesters.
    error AttesterCourtCondemnedBefore(bytes32 hash);
    /// @notice No checkpoint with this hash is condemned here.
    error AttesterCourtNotCondemned(bytes32 hash);
    /// @notice Another checkpoint has this number: the chain reorganised, or there never was such a one.
    error AttesterCourtUnknownCheckpoint(uint64 number, bytes32 expected, bytes32 actual);
    /// @notice The signer is not, and never was, a key of any operator.
    error AttesterCourtForeignSigner(address signer);
    /// @notice What this key signed can no longer cost a stake.
    error AttesterCourtNotSlashable(address signer);

    /// @notice Convicts one attester of a condemned checkpoint; the caller may claim the bounty from the registry.
    /// @param hash The condemned checkpoint's, which is what attesters sign.
    /// @param signature 65 bytes over it, low s only.
    /// @param currentSet The members behind the registry's set hash.
    function convict(bytes32 hash, bytes calldata signature, uint256[] calldata currentSet) external;

    /// @notice Whether this court has condemned a checkpoint.
    function condemned(bytes32 hash) external view returns (bool);

    /// @notice The ledger whose checkpoints are judged here.
    function ledger() external view returns (address);

    /// @notice The registry that holds the stakes.
    function registry() external view returns (address);
}
