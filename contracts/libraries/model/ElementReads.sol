// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelReader} from "./ModelReader.sol";
import {Axis, ElementPlace, ElementRead, ModelOp, OpKind} from "./ModelTypes.sol";
import {Operands} from "./Operands.sol";

/// @title ElementReads
/// @notice Which values one element of an operation's tensor is made of, and where they stand.
library ElementReads {
    using Operands for bytes;

    /// @notice The tensor has no such element.
    error ElementReadsNoElement();
    /// @notice The values lead to an entry before the first of a table.
    error ElementReadsNoEntry(int256 entry);

    /// @notice How large an operation's tensor is, beside its positions.
    /// @param positions Of the whole context.
    function shapeOf(ModelOp memory op, uint256 positions)
        internal
        pure
        returns (uint256 heads, uint256 parts, uint256 columns)
    {
        OpKind kind = op.kind;
        if (kind == OpKind.SquareSum) return (1, partsOf(op.size), 1);
        if (kind == OpKind.Linear) return (1, partsOf(op.size), op.outer);
        if (kind == OpKind.Rope) return (1, 1, op.heads * op.size);
        if (kind == OpKind.Score || kind == OpKind.Probability) return (op.heads, 1, positions);
        if (kind == OpKind.ScoreMax || kind == OpKind.ExpSum) return (op.heads, partsOf(positions), 1);
        if (kind == OpKind.WeightedSum) return (1, partsOf(positions), op.heads * op.size);
        if (kind == OpKind.PartSum) return (op.heads, 1, op.size);
        if (kind == OpKind.PartMax) return (op.heads, 1, 1);
        return (1, 1, op.size);
    }

    /// @notice Into how many parts so many terms are cut.
    function partsOf(uint256 terms) internal pure returns (uint256) {
        return (terms + ModelReader.PART - 1) / ModelReader.PART;
    }

    /// @notice What an element reads, in the order that it takes its operands in. Entries of tables that depend on values have
    /// a count of 0, until `resolve` has seen these. Reverts with `ElementReadsNoElement`.
    /// @param positions Of the whole context.
    /// @param token At the element's position; embeddings read by it.
    function readsOf(ModelOp memory op, ElementPlace memory place, uint256 positions, uint256 token)
        internal
        pure
        returns (ElementRead[] memory reads)
    {
        {
            (uint256 heads, uint256 parts, uint256 columns) = shapeOf(op, positions);
            if (place.head >= heads || place.position >= positions || place.part >= parts || place.column >= columns) {
                revert ElementReadsNoElement();
            }
        }
        uint256 count = _countOf(op);
        reads = new ElementRead[](count);
        OpKind kind = op.kind;
        if (kind == OpKind.Embedding) {
            _constant(reads, 0, op.constants[0], Operands.WEIGHT, token, place.column);
        } else if (kind == OpKind.SquareSum || kind == OpKind.Linear) {
            _product(reads, op, place);
        } else if (kind == OpKind.Norm) {
            _tensor(reads, 0, op.tensors[0], 0, place.position, place.column);
            _tensor(reads, 1, op.tensors[1], 0, place.position, 0);
        } else if (kind == OpKind.Rope) {
            _rope(reads, op, place);
        } else if (kind == OpKind.Score) {
            _score(reads, op, place);
        } else if (kind == OpKind.ScoreMax || kind == OpKind.ExpSum || kind == OpKind.Probability) {
            _scores(reads, op, place, positions);
        } else if (kind == OpKind.PartMax || kind == OpKind.PartSum) {
            _parts(reads, op, place, positions);
        } else if (kind == OpKind.WeightedSum) {
            _weighted(reads, op, place, positions);
        } else {
            _tensor(reads, 0, op.tensors[0], 0, place.position, place.column);
            _tensor(reads, 1, op.tensors[1], 0, place.position, place.column);
        }
        if (op.residual != ModelReader.NO_RESIDUAL) {
            _tensor(reads, count - 1, op.residual, place.head, place.position, place.column);
        }
    }

    /// @notice Fills in the entries of tables that depend on values. Reverts with `ElementReadsNoEntry`.
    /// @param operands Of the reads whose count is not 0.
    function resolve(ModelOp memory op, ElementRead[] memory reads, bytes[] memory operands) internal pure {
        if (op.kind == OpKind.Norm) {
            _entry(reads, 2, op, op.constants[0], operands[1].valueAt(Operands.TENSOR, 0));
        } else if (op.kind == OpKind.Probability) {
            int256 max = operands[1].valueAt(Operands.TENSOR, 0);
            uint256 entry = exponentOf(op, max, operands[0].valueAt(Operands.TENSOR, 0));
            _constant(reads, 3, op.constants[0], Operands.TABLE, 0, entry);
            _entry(reads, 4, op, op.constants[1], operands[2].valueAt(Operands.TENSOR, 0));
        }
    }

    function _countOf(ModelOp memory op) private pure returns (uint256 count) {
        if (op.kind == OpKind.Rope) return 4;
        (uint256 tensors, uint256 constants) = ModelReader.operandsOf(op.kind);
        count = tensors + constants;
        if (op.residual != ModelReader.NO_RESIDUAL) ++count;
    }

    function _product(ElementRead[] memory reads, ModelOp memory op, ElementPlace memory place) private pure {
        uint256 first = place.part * ModelReader.PART;
        _tensor(reads, 0, op.tensors[0], 0, place.position, first);
        reads[0].count = _terms(place.part, op.size);
        if (op.kind == OpKind.SquareSum) return;
        _constant(reads, 1, op.constants[0], Operands.WEIGHT, place.column, first);
        reads[1].count = reads[0].count;
    }

    function _rope(ElementRead[] memory reads, ModelOp memory op, ElementPlace memory place) private pure {
        uint256 half = op.size / 2;
        uint256 pair = place.column % op.size % half;
        uint256 first = place.column - place.column % op.size + pair;
        _tensor(reads, 0, op.tensors[0], 0, place.position, first);
        _tensor(reads, 1, op.tensors[0], 0, place.position, first + half);
        _constant(reads, 2, op.constants[0], Operands.TABLE, place.position, pair);
        _constant(reads, 3, op.constants[0], Operands.TABLE, place.position, half + pair);
    }

    function _score(ElementRead[] memory reads, ModelOp memory op, ElementPlace memory place) private pure {
        _tensor(reads, 0, op.tensors[0], 0, place.position, place.head * op.size);
        _tensor(reads, 1, op.tensors[1], 0, place.column, place.head / (op.heads / op.keyHeads) * op.size);
        reads[0].count = reads[1].count = op.size;
    }

    function _parts(ElementRead[] memory reads, ModelOp memory op, ElementPlace memory place, uint256 positions)
        private
        pure
    {
        _tensor(reads, 0, op.tensors[0], place.head, place.position, place.column);
        reads[0].axis = Axis.Parts;
        bool isFixed = op.kind == OpKind.PartSum && op.parts != ModelReader.POSITION_PARTS;
        reads[0].count = isFixed ? op.parts : partsOf(positions);
    }

    function _scores(ElementRead[] memory reads, ModelOp memory op, ElementPlace memory place, uint256 positions)
        private
        pure
    {
        bool single = op.kind == OpKind.Probability;
        uint256 first = single ? place.column : place.part * ModelReader.PART;
        _tensor(reads, 0, op.tensors[0], place.head, place.position, first);
        if (!single) reads[0].count = _terms(place.part, positions);
        if (op.kind == OpKind.ScoreMax) return;
        _tensor(reads, 1, op.tensors[1], place.head, place.position, 0);
        if (single) {
            _tensor(reads, 2, op.tensors[2], place.head, place.position, 0);
        } else {
            _constant(reads, 2, op.constants[0], Operands.TABLE, 0, 0);
            reads[2].count = op.entries;
        }
    }

    function _weighted(ElementRead[] memory reads, ModelOp memory op, ElementPlace memory place, uint256 positions)
        private
        pure
    {
        uint256 first = place.part * ModelReader.PART;
        uint256 head = place.column / op.size;
        _tensor(reads, 0, op.tensors[0], head, place.position, first);
        uint256 column = head / (op.heads / op.keyHeads) * op.size + place.column % op.size;
        _tensor(reads, 1, op.tensors[1], 0, first, column);
        reads[1].axis = Axis.Positions;
        reads[0].count = reads[1].count = _terms(place.part, positions);
    }

    /// @notice Which entry of the table of exponentials a score takes.
    function exponentOf(ModelOp memory op, int256 max, int256 score) internal pure returns (uint256) {
        int256 below = (max - score) >> uint256(op.shift);
        if (below < 0) revert ElementReadsNoEntry(below);
        return uint256(below) < op.entries ? uint256(below) : op.entries - 1;
    }

    /// @dev Multiplier and exponent at the place of a sum.
    function _entry(ElementRead[] memory reads, uint256 index, ModelOp memory op, uint256 table, int256 sum) private pure {
        int256 near = sum >> op.near;
        int256 entry = (near < int256(op.cap) ? near : int256(op.cap)) + (sum >> op.far);
        if (entry < 0) revert ElementReadsNoEntry(entry);
        _constant(reads, index, table, Operands.TABLE, 0, 2 * uint256(entry));
        reads[index].count = 2;
    }

    /// @dev Terms of a part.
    function _terms(uint256 part, uint256 all) private pure returns (uint256) {
        uint256 left = all - part * ModelReader.PART;
        return left < ModelReader.PART ? left : ModelReader.PART;
    }

    function _tensor(
        ElementRead[] memory reads,
        uint256 index,
        uint256 number,
        uint256 head,
        uint256 position,
        uint256 column
    ) private pure {
        reads[index] = ElementRead(false, number, Operands.TENSOR, Axis.Columns, 1, ElementPlace(head, position, 0, column));
    }

    function _constant(
        ElementRead[] memory reads,
        uint256 index,
        uint256 number,
        uint256 width,
        uint256 row,
        uint256 column
    ) private pure {
        reads[index] = ElementRead(true, number, width, Axis.Columns, 1, ElementPlace(0, row, 0, column));
    }
}
