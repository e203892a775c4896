// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CheckpointRecord, ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {Checkpoint} from "../libraries/WeftTypes.sol";
import {VM} from "../test/Vm.sol";
import {MockLedger} from "./MockLedger.sol";

/// What tests of other contracts rely on.
contract MockLedgerTest {
    function test_TakesTheNextCheckpointAndKnowsNoOther() public {
        MockLedger mock = new MockLedger(address(this));
        Checkpoint memory next;
        next.number = 2;
        VM.expectRevert(
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerWrongNumber.selector, uint64(1), uint64(2))
        );
        mock.commit(next, new uint256[](0), "");
        VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerUnknown.selector, uint64(1)));
        mock.checkpoint(1);
        next.number = 1;
        next.segmentsRoot = keccak256("segments");
        mock.commit(next, new uint256[](0), "");
        CheckpointRecord memory record = mock.checkpoint(1);
        assert(record.segmentsRoot == next.segmentsRoot && !record.fallen && !mock.isFinal(1));
        mock.fell(1, record.hash);
        assert(mock.checkpoint(1).fallen);
    }
}
