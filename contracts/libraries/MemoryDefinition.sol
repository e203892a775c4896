// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title MemoryDefinition
/// @notice Reads the definition of a memory, which its id is the hash of; lengths are not checked beyond that.
/// @dev All integers big endian: columns u32, number of orders u8, each u8, salt 32 bytes, number of writers u8, each 20 bytes.
library MemoryDefinition {
    uint256 private constant ORDERS = 5;

    /// @notice Whether a memory with this id is defined so.
    function defines(bytes calldata definition, bytes32 id) internal pure returns (bool) {
        return keccak256(abi.encodePacked("Weft memory", definition)) == id;
    }

    /// @notice How many tokens it counts.
    function columns(bytes calldata definition) internal pure returns (uint256) {
        return uint32(bytes4(definition));
    }

    /// @notice How many orders it has.
    function orders(bytes calldata definition) internal pure returns (uint256) {
        return uint8(definition[ORDERS - 1]);
    }

    /// @notice How many tokens the contexts of an order have; they ascend.
    function orderAt(bytes calldata definition, uint256 index) internal pure returns (uint256) {
        return uint8(definition[ORDERS + index]);
    }

    /// @notice What rows are told apart by.
    function salt(bytes calldata definition) internal pure returns (bytes32) {
        return bytes32(definition[ORDERS + orders(definition):]);
    }
}
