// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckpointLedger} from "./interfaces/ICheckpointLedger.sol";
import {OperatorSet} from "./libraries/OperatorSet.sol";
import {WeftHash} from "./libraries/WeftHash.sol";
import {Checkpoint} from "./libraries/WeftTypes.sol";
import {VM} from "./test/Vm.sol";
import {WeftFixture} from "./test/WeftFixture.sol";

contract CheckpointLedgerTest is WeftFixture {
    /// S5: exactly the subsets of more than two thirds of the stake commit.
    function testFuzz_QuorumIsMoreThanTwoThirds(uint8 members, uint96[4] memory extra) public {
        uint96[] memory stakes = new uint96[](4);
        uint256 total = 0;
        for (uint256 i = 0; i < 4; ++i) {
            stakes[i] = MIN_STAKE + extra[i] % (4 * MIN_STAKE);
            total += stakes[i];
        }
        _found(stakes);
        Checkpoint memory next = _nextCheckpoint();
        (bytes memory signatures, uint256 signed) = _attest(next, members);
        if (signed * 3 <= total * 2) {
            VM.expectRevert(
                abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerNoQuorum.selector, signed, total)
            );
        }
        ledger.commit(next, set, signatures);
        (uint64 number,) = ledger.latestAttested();
        assert(number == (signed * 3 > total * 2 ? 1 : 0));
    }

    /// Whatever the times of commits, finality is monotone, and `latestFinal` agrees with `isFinal`.
    function testFuzz_LatestFinalIsTheLastFinalOne(uint8[6] memory gaps, uint8 wait) public {
        _found();
        for (uint256 i = 0; i < 6; ++i) {
            VM.warp(block.timestamp + gaps[i] % 4);
            Checkpoint memory next = _nextCheckpoint();
            (bytes memory signatures,) = _attest(next, 0xff);
            ledger.commit(next, set, signatures);
        }
        VM.warp(block.timestamp + wait % 8);
        (uint64 latest, bytes32 hash) = ledger.latestFinal();
        assert(hash == ledger.checkpointHash(latest));
        for (uint64 number = 0; number <= 6; ++number) {
            assert(ledger.isFinal(number) == (number <= latest));
        }
        assert(!ledger.isFinal(7) && ledger.finalizedAt(7) == 0);
    }

    function test_GenesisIsFinalAtOnce() public view {
        (uint64 number, bytes32 hash) = ledger.latestFinal();
        assert(number == 0 && ledger.isFinal(0));
        Checkpoint memory genesis = _nextCheckpoint();
        genesis.number = 0;
        genesis.parent = keccak256("Weft genesis");
        assert(hash == WeftHash.checkpointHash(ledger.domainSeparator(), genesis));
        assert(ledger.domainSeparator() == WeftHash.domainSeparator(block.chainid, address(ledger)));
    }
}
