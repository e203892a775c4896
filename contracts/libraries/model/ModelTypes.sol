// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The kinds of macro-operations; their numbers are the tags of the format.
enum OpKind {
    None,
    Embedding,
    SquareSum,
    Norm,
    Linear,
    Rope,
    Score,
    ScoreMax,
    PartMax,
    ExpSum,
    Probability,
    WeightedSum,
    PartSum,
    Gate
}

/// @notice A macro-operation. What a kind has no field for is zero; `heads` and `residual` say so in their own way.
struct ModelOp {
    OpKind kind;
    uint256 firstTensor; // in a trace; there is one for each head
    uint256[3] tensors; // numbers of earlier operations, in the order of the format
    uint256[2] constants; // numbers of constants, in the order of the format
    uint256 residual; // number of an earlier operation, or NO_RESIDUAL
    uint256 heads; // 1 where the kind has none
    uint256 keyHeads; // heads of keys or values, which groups of `heads` share
    uint256 size; // terms of a row: width, inner, or values of a head
    uint256 outer; // columns of a product
    uint256 parts; // of a sum of parts, or POSITION_PARTS
    int256 shift;
    uint256 clip;
    uint256 mask;
    uint256 entries; // of the table of exponentials
    uint256 near; // with far and cap: where a sum stands in a table
    uint256 far;
    uint256 cap;
}

/// @notice Weights or a table: so many rows of so many integers of 1 or 2 bytes.
struct ModelConstant {
    uint256 width; // bytes of a value
    uint256 rows;
    uint256 columns;
    uint256 firstTile;
}

/// @notice What leaf 0 says of a model, as far as courts need it.
struct ModelHead {
    uint256 vocab;
    uint256 maxPositions;
    uint256 samplerK;
    uint256 constants;
    uint256 ops;
    uint256[] values; // numbers of the operations whose tensors lie along positions: the values of each layer
    uint256 logits; // number of the operation
    uint256 tensors; // of a trace
    bytes32 tilesRoot;
}

/// @notice Place of an element within its tensor.
struct ElementPlace {
    uint256 head;
    uint256 position;
    uint256 part;
    uint256 column;
}

/// @notice Along what the values of one read lie side by side.
enum Axis {
    Columns,
    Parts,
    Positions
}

/// @notice Values that an element is made of.
struct ElementRead {
    bool isConstant;
    uint256 number; // of the operation that makes them, or of the constant
    uint256 width; // bytes of a value: 4 of tensors
    Axis axis;
    uint256 count;
    ElementPlace first; // of constants: `position` is the row
}
