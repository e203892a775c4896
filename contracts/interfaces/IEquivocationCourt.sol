// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SegmentHeader} from "../libraries/WeftTypes.sol";

/// @title IEquivocationCourt
/// @notice Decides one kind of accusation: two different signed headers for one place in a track.
interface IEquivocationCourt {
    /// @notice An operator signed both headers.
    event EquivocationProven(
        address indexed operator, bytes16 incarnation, uint64 sequence, bytes32 hashA, bytes32 hashB
    );

    /// @notice The headers are not of one operator, incarnation and sequence.
    error EquivocationCourtDifferentPlaces();
    /// @notice There is only one header.
    error EquivocationCourtSameHeader(bytes32 hash);
    /// @notice A signer is not, and never was, a key of the operator.
    error EquivocationCourtForeignSigner(address signer, address operator);
    /// @notice What this key signed can no longer cost a stake.
    error EquivocationCourtNotSlashable(address signer);

    /// @notice Convicts the operator of two contradicting headers; the caller may claim the bounty from the registry.
    /// @param a One header.
    /// @param signatureA 65 bytes over its hash, low s only.
    /// @param b Another header for the same place.
    /// @param signatureB 65 bytes over its hash; the key may be another one of the same operator.
    /// @param currentSet The members behind the registry's set hash.
    function convict(
        SegmentHeader calldata a,
        bytes calldata signatureA,
        SegmentHeader calldata b,
        bytes calldata signatureB,
        uint256[] calldata currentSet
    ) external;

    /// @notice The ledger in whose domain headers are signed.
    function ledger() external view returns (address);

    /// @notice The registry that holds the stakes.
    function registry() external view returns (address);
}
