// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelHarness} from "../../test/ModelHarness.sol";
import {Sampling} from "./Sample.sol";

contract SampleTest {
    ModelHarness private _harness;

    function setUp() public {
        _harness = new ModelHarness();
    }

    function _logits(bytes32 seed, uint256 count) private pure returns (bytes memory logits) {
        for (uint256 i = 0; i < count; ++i) {
            logits = abi.encodePacked(logits, int32(int256(uint256(keccak256(abi.encode(seed, i))) % 20_000)));
        }
    }

    function _row(bytes32 seed) private pure returns (bytes[] memory rows) {
        rows = new bytes[](1);
        rows[0] = abi.encodePacked(uint64(1) | (1 << 63), uint32(1) << 31, uint32(uint256(seed)));
    }

    /// @dev So every threshold draws a token.
    function testFuzz_ProbabilitiesSumToOne(bytes32 seed, uint16 temperature, uint8 k, uint8 gate) public view {
        Sampling memory sampling = Sampling(temperature % 1_001, k % 32, gate % 4);
        bytes[] memory rows = sampling.gate == 0 ? new bytes[](0) : _row(seed);
        uint256[] memory chances = _harness.probabilities(_logits(seed, 70), sampling, rows);
        uint256 sum = 0;
        for (uint256 i = 0; i < chances.length; ++i) {
            sum += chances[i];
        }
        assert(sum == 1 << 16);
        assert(_harness.draw(chances, (1 << 16) - 1) < 70);
    }

    function test_OfEqualLogitsTheFirstIsLikeliest() public view {
        bytes memory logits = abi.encodePacked(int32(-5), int32(9), int32(9), type(int32).min);
        uint256[] memory chances = _harness.probabilities(logits, Sampling(0, 6, 0), new bytes[](0));
        assert(chances[1] == 1 << 16 && chances[2] == 0);
        // Alike within the sampler's steps: the first of all three.
        chances = _harness.probabilities(logits, Sampling(100, 6, 0), new bytes[](0));
        assert(chances[0] == 21_846 && chances[1] == 21_845 && chances[2] == 21_845 && chances[3] == 0);
    }

    function test_WhatAMemoryHasSeenCountsByItsGate() public view {
        bytes memory logits = abi.encodePacked(int32(0), int32(0));
        bytes[] memory rows = new bytes[](1);
        rows[0] = abi.encodePacked(uint64(2), uint32(12)); // the second token, 12 times
        // Strong: 12 of 12 + 12·1 is half; what is seen has all of it.
        uint256[] memory chances = _harness.probabilities(logits, Sampling(100, 6, 3), rows);
        assert(chances[0] == 16_384 && chances[1] == 49_152);
        // Medium: 12 of 60 is a fifth.
        chances = _harness.probabilities(logits, Sampling(100, 6, 2), rows);
        assert(chances[0] == 26_214 && chances[1] == 39_322);
        chances = _harness.probabilities(logits, Sampling(0, 6, 1), rows);
        assert(chances[0] == 0 && chances[1] == 1 << 16);
    }
}
