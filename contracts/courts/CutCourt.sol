// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {AttesterCourt} from "./AttesterCourt.sol";
import {CutEntries} from "./cut/CutEntries.sol";
import {CutSegments} from "./cut/CutSegments.sol";
import {CutSnapshots} from "./cut/CutSnapshots.sol";
import {CutStandings} from "./cut/CutStandings.sol";

/// @title CutCourt
/// @notice Condemns checkpoints whose cut does not follow from the parent's and from valid segments; see the interface.
contract CutCourt is CutEntries, CutStandings, CutSegments, CutSnapshots {
    constructor(ICheckpointLedger ledger_) AttesterCourt(ledger_) {}
}
