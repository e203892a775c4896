// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice How far some bytes were read, and whether anything was not as it has to be.
struct Cursor {
    uint256 offset;
    bool bad;
}

/// @title ByteReader
/// @notice Reads big-endian fields one after the other. What is not there is read as zero and noted.
library ByteReader {
    /// @dev The largest counter that all implementations can represent.
    uint256 private constant MOST_COUNTED = (1 << 53) - 1;

    /// @notice An unsigned integer of `width` bytes, at most 32.
    function uintOf(Cursor memory cursor, bytes calldata data, uint256 width) internal pure returns (uint256 value) {
        uint256 from = cursor.offset;
        cursor.offset = from + width;
        if (cursor.offset > data.length) {
            cursor.bad = true;
            return 0;
        }
        return uint256(bytes32(data[from:])) >> (256 - 8 * width);
    }

    /// @notice A 64-bit counter of things that can be counted.
    function counter(Cursor memory cursor, bytes calldata data) internal pure returns (uint256 value) {
        value = uintOf(cursor, data, 8);
        if (value > MOST_COUNTED) cursor.bad = true;
    }

    /// @notice A value of one byte, at most `most`.
    function choice(Cursor memory cursor, bytes calldata data, uint256 most) internal pure returns (uint256 value) {
        value = uintOf(cursor, data, 1);
        if (value > most) cursor.bad = true;
    }

    /// @notice Any 32 bytes.
    function word(Cursor memory cursor, bytes calldata data) internal pure returns (bytes32) {
        return bytes32(uintOf(cursor, data, 32));
    }

    /// @notice 32 bytes that are not all zero.
    function hash(Cursor memory cursor, bytes calldata data) internal pure returns (bytes32 value) {
        value = word(cursor, data);
        if (value == 0) cursor.bad = true;
    }

    /// @notice Passes over `width` bytes.
    function skip(Cursor memory cursor, bytes calldata data, uint256 width) internal pure {
        cursor.offset += width;
        if (cursor.offset > data.length) cursor.bad = true;
    }
}
