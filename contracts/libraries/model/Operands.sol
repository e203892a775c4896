// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Operands
/// @notice Signed integers that stand side by side in bytes, big endian.
library Operands {
    /// @dev Bytes of a value.
    uint256 internal constant TENSOR = 4;
    uint256 internal constant WEIGHT = 1;
    uint256 internal constant TABLE = 2;

    /// @notice The value at an index.
    /// @dev Not checked, for loops over lengths that were: past the end it reads what follows.
    /// @param width Bytes of a value, 1 to 32.
    function valueAt(bytes memory values, uint256 width, uint256 index) internal pure returns (int256 value) {
        // Assembly, because a bounded read costs four times as much, and one element takes up to 512.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let word := mload(add(add(values, 32), mul(index, width)))
            value := sar(sub(256, shl(3, width)), word)
        }
    }
}
