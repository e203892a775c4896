// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ICheckpointLedger} from "./interfaces/ICheckpointLedger.sol";
import {IGuardian} from "./interfaces/IGuardian.sol";
import {IOperatorRegistry} from "./interfaces/IOperatorRegistry.sol";

/// @title Guardian
/// @notice The emergency brake; see the interface.
/// @dev The roles on registry and ledgers belong to this contract, so that whoever guards can do these three things and
/// nothing else with them. How long and how often a pause may be is the registry's rule.
contract Guardian is IGuardian, AccessManaged {
    /// @inheritdoc IGuardian
    IOperatorRegistry public immutable registry;

    constructor(address authority, IOperatorRegistry registry_) AccessManaged(authority) {
        registry = registry_;
    }

    /// @inheritdoc IGuardian
    function pause(uint256 duration) external restricted {
        registry.pause(duration);
    }

    /// @inheritdoc IGuardian
    function resume() external restricted {
        registry.resume();
    }

    /// @inheritdoc IGuardian
    function invalidate(ICheckpointLedger ledger, uint64 number, bytes32 hash) external restricted {
        ledger.fell(number, hash);
    }
}
