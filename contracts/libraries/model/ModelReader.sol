// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ByteReader, Cursor} from "../ByteReader.sol";
import {ModelConstant, ModelHead, ModelOp, OpKind} from "./ModelTypes.sol";

/// @title ModelReader
/// @notice Reads single leaves of an exact model's manifest: leaf 0, then constants, then operations.
/// @dev All integers big endian. Names stand behind a length of one byte. What a leaf says is judged as far as it can be by
/// that leaf alone; that the shapes of operands fit one another is not seen here.
/// Leaf 0: version, name, tokenizer, vocab u32, positions u32, end tokens (count u16, each u32, ascending), k u8, constants
/// u16, operations u16, layers u16, of each layer keys u16 and values u16, logits u16, tensors u16, root over tiles.
/// A constant: bytes u8, rows u32, columns u32, first tile u32, name.
/// An operation: first tensor u16, tag u8, its fields as `readOp` lists them, name.
library ModelReader {
    using ByteReader for Cursor;

    /// @dev Kinds and depths of the model's trees.
    uint8 internal constant MODEL = 0x09;
    uint256 internal constant MODEL_DEPTH = 12;
    uint8 internal constant TILES = 0x0a;
    uint256 internal constant TILES_DEPTH = 24;
    /// @dev Those of a forward pass: of its tensors, of a tensor's groups, of a group's tiles.
    uint8 internal constant TRACE = 0x0b;
    uint256 internal constant TRACE_DEPTH = 11;
    uint8 internal constant TENSOR = 0x0c;
    uint256 internal constant TENSOR_DEPTH = 9;
    uint8 internal constant GROUP = 0x0d;
    uint256 internal constant GROUP_DEPTH = 4;

    /// @dev Terms of one element, and values of one tile.
    uint256 internal constant PART = 256;
    uint256 internal constant NO_RESIDUAL = 0xffff;
    uint256 internal constant POSITION_PARTS = 0xffffffff;

    uint256 private constant VERSION = 1;
    uint256 private constant MOST_NAME = 64;
    uint256 private constant MOST_END_TOKENS = 256;
    uint256 private constant MOST_LAYERS = 1024;
    uint256 private constant MOST_LEAVES = 1 << MODEL_DEPTH;
    uint256 private constant MOST_TENSORS = 1 << TRACE_DEPTH;
    uint256 private constant MOST_SIZE = 1 << 24;
    uint256 private constant MOST_SHIFT = 23;
    uint256 private constant MOST_K = 31;
    /// @dev Tokens of which one can be drawn in a transaction.
    uint256 private constant MOST_VOCAB = 1 << 11;
    /// @dev Exponentials that one element may read.
    uint256 private constant MOST_ENTRIES = 1 << 12;
    /// @dev Sets of ASCII characters: bit c is character c.
    uint256 private constant LETTERS = (((1 << 10) - 1) << 48) | (((1 << 26) - 1) << 65) | (((1 << 26) - 1) << 97);
    uint256 private constant NAMING = LETTERS | (1 << 45) | (1 << 46) | (1 << 95);

    /// @notice No valid manifest has this leaf at this place.
    error ModelReaderInvalid(string leaf);

    /// @notice What leaf 0 says. Reverts with `ModelReaderInvalid` for anything but its one encoding.
    function readHead(bytes calldata leaf) internal pure returns (ModelHead memory head) {
        Cursor memory cursor;
        if (cursor.uintOf(leaf, 1) != VERSION) cursor.bad = true;
        _readName(cursor, leaf);
        _readName(cursor, leaf);
        head.vocab = _between(cursor, leaf, 4, 1, MOST_VOCAB);
        head.maxPositions = _between(cursor, leaf, 4, 1, type(uint32).max);
        uint256 count = _between(cursor, leaf, 2, 0, MOST_END_TOKENS);
        uint256 least = 0;
        for (uint256 i = 0; i < count; ++i) {
            // Of no tokens left, the largest is below the least.
            least = _between(cursor, leaf, 4, least, head.vocab - 1) + 1;
            if (cursor.bad) break;
        }
        head.samplerK = cursor.choice(leaf, MOST_K);
        head.constants = _between(cursor, leaf, 2, 0, MOST_LEAVES);
        head.ops = _between(cursor, leaf, 2, 0, MOST_LEAVES);
        if (1 + head.constants + head.ops > MOST_LEAVES) cursor.bad = true;
        head.values = new uint256[](_between(cursor, leaf, 2, 0, MOST_LAYERS));
        for (uint256 i = 0; i < head.values.length && !cursor.bad; ++i) {
            _below(cursor, leaf, head.ops); // keys
            head.values[i] = _below(cursor, leaf, head.ops);
        }
        head.logits = _below(cursor, leaf, head.ops);
        head.tensors = _between(cursor, leaf, 2, 0, MOST_TENSORS);
        head.tilesRoot = cursor.hash(leaf);
        _end(cursor, leaf, "head");
    }

    /// @notice What a constant's leaf says. Reverts with `ModelReaderInvalid` for anything but its one encoding.
    /// @dev That constants follow one another without gaps is for who shows two of them.
    function readConstant(bytes calldata leaf) internal pure returns (ModelConstant memory constant_) {
        Cursor memory cursor;
        constant_.width = _between(cursor, leaf, 1, 1, 2);
        constant_.rows = _size(cursor, leaf);
        constant_.columns = _size(cursor, leaf);
        constant_.firstTile = cursor.uintOf(leaf, 4);
        uint256 tiles = constant_.rows * ((constant_.columns + PART - 1) / PART);
        if (constant_.firstTile + tiles > 1 << TILES_DEPTH) cursor.bad = true;
        _readName(cursor, leaf);
        _end(cursor, leaf, "constant");
    }

    /// @notice What an operation's leaf says. Reverts with `ModelReaderInvalid` for anything but its one encoding, and for what
    /// no operation may be by itself.
    /// @param number Of the operation: it reads earlier ones only.
    /// @param constants How many the model has.
    function readOp(bytes calldata leaf, uint256 number, uint256 constants) internal pure returns (ModelOp memory op) {
        Cursor memory cursor;
        op.firstTensor = _between(cursor, leaf, 2, 0, MOST_TENSORS - 1);
        uint256 tag = _between(cursor, leaf, 1, 1, uint256(type(OpKind).max));
        if (cursor.bad) revert ModelReaderInvalid("op");
        op.kind = OpKind(tag);
        op.heads = 1;
        op.residual = NO_RESIDUAL;
        _readOperands(cursor, leaf, op, number, constants);
        _readSizes(cursor, leaf, op);
        if (op.kind == OpKind.Linear || op.kind == OpKind.PartSum) {
            op.residual = cursor.uintOf(leaf, 2);
            if (op.residual != NO_RESIDUAL && op.residual >= number) cursor.bad = true;
        }
        _readName(cursor, leaf);
        if (!cursor.bad && !_isSound(op)) cursor.bad = true;
        _end(cursor, leaf, "op");
    }

    /// @dev Tensors, then constants, which come first in every kind.
    function _readOperands(Cursor memory cursor, bytes calldata leaf, ModelOp memory op, uint256 number, uint256 constants)
        private
        pure
    {
        (uint256 tensors, uint256 tables) = operandsOf(op.kind);
        for (uint256 i = 0; i < tensors; ++i) {
            op.tensors[i] = _below(cursor, leaf, number);
        }
        for (uint256 i = 0; i < tables; ++i) {
            op.constants[i] = _below(cursor, leaf, constants);
        }
    }

    /// @notice How many tensors, residuals apart, and how many constants an operation reads.
    function operandsOf(OpKind kind) internal pure returns (uint256 tensors, uint256 constants) {
        if (kind == OpKind.Embedding) return (0, 1);
        if (kind == OpKind.Norm || kind == OpKind.ExpSum) return (2, 1);
        if (kind == OpKind.Linear || kind == OpKind.Rope) return (1, 1);
        if (kind == OpKind.Score || kind == OpKind.WeightedSum || kind == OpKind.Gate) return (2, 0);
        if (kind == OpKind.Probability) return (3, 2);
        return (1, 0);
    }

    function _readSizes(Cursor memory cursor, bytes calldata leaf, ModelOp memory op) private pure {
        OpKind kind = op.kind;
        if (kind == OpKind.Embedding || kind == OpKind.SquareSum || kind == OpKind.Gate) {
            op.size = _size(cursor, leaf);
            _readShift(cursor, leaf, op);
            if (kind != OpKind.Embedding) op.clip = _size(cursor, leaf);
        } else if (kind == OpKind.Norm) {
            op.size = _size(cursor, leaf);
            _readPlace(cursor, leaf, op);
            op.clip = _size(cursor, leaf);
        } else if (kind == OpKind.Linear) {
            op.size = _size(cursor, leaf);
            op.outer = _size(cursor, leaf);
            _readShift(cursor, leaf, op);
            op.clip = _limit(cursor, leaf);
        } else if (kind == OpKind.PartSum) {
            op.heads = _size(cursor, leaf);
            op.parts = cursor.uintOf(leaf, 4);
            if (op.parts != POSITION_PARTS && (op.parts == 0 || op.parts > PART)) cursor.bad = true;
            op.size = _size(cursor, leaf);
            _readShift(cursor, leaf, op);
            op.clip = _limit(cursor, leaf);
        } else {
            _readHeads(cursor, leaf, op);
        }
    }

    /// @dev Kinds whose sizes begin with the number of heads.
    function _readHeads(Cursor memory cursor, bytes calldata leaf, ModelOp memory op) private pure {
        OpKind kind = op.kind;
        op.heads = _size(cursor, leaf);
        if (kind == OpKind.Rope) {
            op.size = _size(cursor, leaf);
            _readShift(cursor, leaf, op);
            op.clip = _size(cursor, leaf);
        } else if (kind == OpKind.Score || kind == OpKind.WeightedSum) {
            op.keyHeads = _size(cursor, leaf);
            op.size = _size(cursor, leaf);
            if (kind == OpKind.Score) op.mask = _limit(cursor, leaf);
        } else if (kind == OpKind.ExpSum || kind == OpKind.Probability) {
            op.shift = int256(cursor.choice(leaf, MOST_SHIFT));
            op.entries = _between(cursor, leaf, 4, 1, MOST_ENTRIES);
            if (kind == OpKind.Probability) _readPlace(cursor, leaf, op);
        }
    }

    /// @dev What the leaf alone says of whether there can be such an operation.
    function _isSound(ModelOp memory op) private pure returns (bool) {
        OpKind kind = op.kind;
        if (kind == OpKind.Rope) return op.size % 2 == 0;
        if (kind == OpKind.Score) return op.heads % op.keyHeads == 0 && op.size <= PART;
        if (kind == OpKind.WeightedSum) return op.heads % op.keyHeads == 0;
        if (kind != OpKind.Linear || op.size <= PART) return true;
        // The parts of a longer sum stand as they are.
        return op.shift == 0 && op.clip == 0 && op.residual == NO_RESIDUAL;
    }

    function _readShift(Cursor memory cursor, bytes calldata leaf, ModelOp memory op) private pure {
        // Truncation is meant: one byte, two's complement.
        op.shift = int8(uint8(cursor.uintOf(leaf, 1)));
        if (op.shift > int256(MOST_SHIFT) || op.shift < -int256(MOST_SHIFT)) cursor.bad = true;
    }

    function _readPlace(Cursor memory cursor, bytes calldata leaf, ModelOp memory op) private pure {
        op.near = cursor.choice(leaf, MOST_SHIFT);
        op.far = cursor.choice(leaf, MOST_SHIFT);
        op.cap = _limit(cursor, leaf);
    }

    function _size(Cursor memory cursor, bytes calldata leaf) private pure returns (uint256) {
        return _between(cursor, leaf, 4, 1, MOST_SIZE);
    }

    function _limit(Cursor memory cursor, bytes calldata leaf) private pure returns (uint256) {
        return _between(cursor, leaf, 4, 0, MOST_SIZE);
    }

    /// @dev The number of one of `count` things.
    function _below(Cursor memory cursor, bytes calldata leaf, uint256 count) private pure returns (uint256 value) {
        value = cursor.uintOf(leaf, 2);
        if (value >= count) cursor.bad = true;
    }

    /// @dev What is out of bounds is noted, and read as `least`.
    function _between(Cursor memory cursor, bytes calldata leaf, uint256 width, uint256 least, uint256 most)
        private
        pure
        returns (uint256 value)
    {
        value = cursor.uintOf(leaf, width);
        if (value >= least && value <= most) return value;
        cursor.bad = true;
        return least;
    }

    function _readName(Cursor memory cursor, bytes calldata leaf) private pure {
        uint256 length = _between(cursor, leaf, 1, 1, MOST_NAME);
        uint256 allowed = LETTERS;
        for (uint256 i = 0; i < length && !cursor.bad; ++i) {
            if ((allowed >> cursor.uintOf(leaf, 1)) & 1 == 0) cursor.bad = true;
            allowed = NAMING;
        }
    }

    function _end(Cursor memory cursor, bytes calldata leaf, string memory what) private pure {
        if (cursor.bad || cursor.offset != leaf.length) revert ModelReaderInvalid(what);
    }
}
