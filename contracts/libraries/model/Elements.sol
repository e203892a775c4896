// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ElementReads} from "./ElementReads.sol";
import {ModelReader} from "./ModelReader.sol";
import {ElementPlace, ModelOp, OpKind} from "./ModelTypes.sol";
import {Operands} from "./Operands.sol";

/// @title Elements
/// @notice One element of an exact model's tensor, from what it reads: the same integer as everywhere.
/// @dev Nothing here overflows: operands have 32 bits, an element has at most 256 terms, and no shift moves more than 64
/// bits to the left. So all of it is unchecked.
library Elements {
    using Operands for bytes;

    /// @dev What is shifted further to the left fits no tensor anyway, unless it is kept within a clip; or is zero.
    int256 private constant MOST_LEFT = 64;
    /// @dev What is shifted further to the right is zero.
    int256 private constant MOST_RIGHT = 128;

    /// @notice The element. Where it is no int32, no tensor holds it.
    /// @param operands The values of each read that `ElementReads` lists, of the lengths that it says: int32 of tensors, int8
    /// of weights, int16 of tables.
    function elementOf(ModelOp memory op, ElementPlace memory place, bytes[] memory operands)
        internal
        pure
        returns (int256 value)
    {
        OpKind kind = op.kind;
        if (kind == OpKind.Embedding) {
            value = roundShift(operands[0].valueAt(Operands.WEIGHT, 0), op.shift);
        } else if (kind == OpKind.SquareSum) {
            value = _squareSum(op, operands[0]);
        } else if (kind == OpKind.Norm) {
            value = within(_scaled(operands[0].valueAt(Operands.TENSOR, 0), operands[2]), op.clip);
        } else if (kind == OpKind.Linear) {
            value = _post(op, _product(operands[0], operands[1], Operands.WEIGHT), operands);
        } else if (kind == OpKind.Rope) {
            value = _rope(op, place.column, operands);
        } else if (kind == OpKind.Score) {
            value = _product(operands[0], operands[1], Operands.TENSOR);
            if (place.column > place.position) value -= int256(op.mask);
        } else if (kind == OpKind.ScoreMax || kind == OpKind.PartMax) {
            value = _max(operands[0]);
        } else if (kind == OpKind.ExpSum) {
            value = _expSum(op, operands);
        } else if (kind == OpKind.Probability) {
            value = _scaled(operands[3].valueAt(Operands.TABLE, 0), operands[4]);
        } else if (kind == OpKind.WeightedSum) {
            value = _product(operands[0], operands[1], Operands.TENSOR);
        } else if (kind == OpKind.PartSum) {
            value = _post(op, _sum(operands[0]), operands);
        } else {
            int256 open = operands[0].valueAt(Operands.TENSOR, 0);
            if (open > 0) value = within(roundShift(open * operands[1].valueAt(Operands.TENSOR, 0), op.shift), op.clip);
        }
    }

    /// @notice x / 2^shift rounded, halves up; a negative shift multiplies.
    /// @param x Of at most 127 bits. Of what is shifted by more than 64 to the left, only sign and zero are right.
    function roundShift(int256 x, int256 shift) internal pure returns (int256) {
        unchecked {
            if (shift > MOST_RIGHT) return 0;
            if (shift > 0) return (x + int256(1 << uint256(shift - 1))) >> uint256(shift);
            return x << uint256(shift < -MOST_LEFT ? MOST_LEFT : -shift);
        }
    }

    /// @notice The nearest to x within ±clip.
    function within(int256 x, uint256 clip) internal pure returns (int256) {
        int256 limit = int256(clip);
        if (x > limit) return limit;
        return x < -limit ? -limit : x;
    }

    function _squareSum(ModelOp memory op, bytes memory input) private pure returns (int256 sum) {
        uint256 count = input.length / Operands.TENSOR;
        int256 shift = op.shift;
        uint256 clip = op.clip;
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                int256 x = within(roundShift(input.valueAt(Operands.TENSOR, i), shift), clip);
                sum += x * x;
            }
        }
    }

    function _product(bytes memory left, bytes memory right, uint256 width) private pure returns (int256 sum) {
        uint256 count = left.length / Operands.TENSOR;
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                sum += left.valueAt(Operands.TENSOR, i) * right.valueAt(width, i);
            }
        }
    }

    function _sum(bytes memory input) private pure returns (int256 sum) {
        uint256 count = input.length / Operands.TENSOR;
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                sum += input.valueAt(Operands.TENSOR, i);
            }
        }
    }

    function _max(bytes memory input) private pure returns (int256 max) {
        uint256 count = input.length / Operands.TENSOR;
        max = type(int256).min;
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                int256 x = input.valueAt(Operands.TENSOR, i);
                if (x > max) max = x;
            }
        }
    }

    function _expSum(ModelOp memory op, bytes[] memory operands) private pure returns (int256 sum) {
        bytes memory scores = operands[0];
        bytes memory table = operands[2];
        int256 max = operands[1].valueAt(Operands.TENSOR, 0);
        uint256 count = scores.length / Operands.TENSOR;
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                sum += table.valueAt(Operands.TABLE, ElementReads.exponentOf(op, max, scores.valueAt(Operands.TENSOR, i)));
            }
        }
    }

    /// @dev By an entry of multiplier and exponent.
    function _scaled(int256 x, bytes memory entry) private pure returns (int256) {
        return roundShift(x * entry.valueAt(Operands.TABLE, 0), entry.valueAt(Operands.TABLE, 1));
    }

    function _rope(ModelOp memory op, uint256 column, bytes[] memory operands) private pure returns (int256) {
        int256 a = operands[0].valueAt(Operands.TENSOR, 0);
        int256 b = operands[1].valueAt(Operands.TENSOR, 0);
        int256 cos = operands[2].valueAt(Operands.TABLE, 0);
        int256 sin = operands[3].valueAt(Operands.TABLE, 0);
        bool isFirst = column % op.size < op.size / 2;
        return within(roundShift(isFirst ? a * cos - b * sin : a * sin + b * cos, op.shift), op.clip);
    }

    /// @dev What a sum becomes; the residual is the last operand. A clip of 0 is none.
    function _post(ModelOp memory op, int256 sum, bytes[] memory operands) private pure returns (int256 value) {
        value = roundShift(sum, op.shift);
        if (op.residual != ModelReader.NO_RESIDUAL) value += operands[operands.length - 1].valueAt(Operands.TENSOR, 0);
        if (op.clip != 0) value = within(value, op.clip);
    }
}
