// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITurnCourt} from "../interfaces/ITurnCourt.sol";

/// @title MockTurnCourt
/// @notice A court for the tests of contracts that act on answers: `set` decides what it says of a turn.
/// @dev For tests only: anybody may call everything.
contract MockTurnCourt is ITurnCourt {
    address public immutable ledger;
    mapping(bytes32 turn => bool) public isVoid;
    mapping(bytes32 turn => uint256) public openAccusations;

    constructor(address ledger_) {
        ledger = ledger_;
    }

    /// @notice Makes it say of a turn that so many accusations are open, and whether it is void.
    function set(bytes32 turn, uint256 open, bool voided) external {
        (openAccusations[turn], isVoid[turn]) = (open, voided);
    }
}
