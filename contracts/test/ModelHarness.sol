// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ElementReads} from "../libraries/model/ElementReads.sol";
import {Elements} from "../libraries/model/Elements.sol";
import {ModelReader} from "../libraries/model/ModelReader.sol";
import {ElementPlace, ElementRead, ModelConstant, ModelHead, ModelOp} from "../libraries/model/ModelTypes.sol";
import {Sample, Sampling} from "../libraries/model/Sample.sol";

/// @title ModelHarness
/// @notice Exposes what courts know of exact models, so that it is checked against other implementations.
contract ModelHarness {
    function readHead(bytes calldata leaf) external pure returns (ModelHead memory) {
        return ModelReader.readHead(leaf);
    }

    function readConstant(bytes calldata leaf) external pure returns (ModelConstant memory) {
        return ModelReader.readConstant(leaf);
    }

    function readOp(bytes calldata leaf, uint256 number, uint256 constants) external pure returns (ModelOp memory) {
        return ModelReader.readOp(leaf, number, constants);
    }

    /// @return value The element.
    /// @return reads What it was made of.
    /// @return used Gas of the element alone, without what reads the arguments.
    function elementOf(
        ModelOp memory op,
        ElementPlace memory place,
        uint256 positions,
        uint256 token,
        bytes[] memory operands
    ) external view returns (int256 value, ElementRead[] memory reads, uint256 used) {
        used = gasleft();
        reads = ElementReads.readsOf(op, place, positions, token);
        ElementReads.resolve(op, reads, operands);
        value = Elements.elementOf(op, place, operands);
        used -= gasleft();
    }

    function weights(uint256 temperature, uint256 furthest) external pure returns (uint256[] memory) {
        return Sample.weights(temperature, furthest);
    }

    function draw(uint256[] memory chances, uint256 threshold) external pure returns (uint256) {
        return Sample.draw(chances, threshold);
    }

    function probabilities(bytes memory logits, Sampling memory sampling, bytes[] calldata rows)
        external
        pure
        returns (uint256[] memory)
    {
        return Sample.probabilities(logits, sampling, rows);
    }

    /// @return token The token.
    /// @return used Gas of it alone, without what reads the arguments.
    function tokenAt(
        bytes memory logits,
        Sampling memory sampling,
        bytes[] calldata rows,
        bytes32 requestId,
        uint32 position
    ) external view returns (uint256 token, uint256 used) {
        used = gasleft();
        token = Sample.tokenAt(logits, sampling, rows, requestId, position);
        used -= gasleft();
    }
}
