// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckpointLedger} from "./ICheckpointLedger.sol";
import {IOperatorRegistry} from "./IOperatorRegistry.sol";

/// @title IGuardian
/// @notice The emergency brake: a pause that expires and extends every deadline, and the fall of what is not final. It
/// writes no root, moves no stake, convicts nobody and undoes nothing that is final.
interface IGuardian {
    /// @notice Stops the clock of a registry and of its ledgers. Only guardians.
    /// @param duration Seconds, at most the longest pause of the registry's parameters, after which it ends by itself.
    function pause(uint256 duration) external;

    /// @notice Ends a pause early. Only guardians.
    function resume() external;

    /// @notice Makes a checkpoint that is not final fall, and all after it. Only guardians.
    /// @param ledger A ledger of the registry.
    /// @param number The checkpoint.
    /// @param hash Its hash, so that a reorganised chain does not make it another.
    function invalidate(ICheckpointLedger ledger, uint64 number, bytes32 hash) external;

    /// @notice The registry whose clock it stops.
    function registry() external view returns (IOperatorRegistry);
}
