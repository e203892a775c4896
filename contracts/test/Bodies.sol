// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Request} from "../libraries/WeftTypes.sol";

/// @notice A snapshot of a turn in its track.
struct Place {
    uint64 sequence;
    uint32 index;
}

/// @notice Bodies of snapshots, byte for byte.
library Bodies {
    bytes internal constant PARAMETERS = hex"005001026869"; // temperature 80, one stop sequence of two bytes

    /// @param lineage Flag and parent.
    /// @param start Length and peaks of the context that the turn begins at.
    /// @param continued Flag and the turn that it continues.
    function open(bytes32 requestId, Request memory request, bytes memory lineage, bytes memory start, bytes memory continued)
        internal
        pure
        returns (bytes memory)
    {
        return bytes.concat(fields(requestId, request, PARAMETERS), lineage, start, continued);
    }

    /// @notice What stands before the parent.
    function fields(bytes32 requestId, Request memory request, bytes memory parameters)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory context = abi.encodePacked(
            request.contextBefore, request.lengthBefore, request.contextAfter, request.lengthAfter
        );
        bytes memory memory_ = request.gate == 0
            ? bytes("")
            : abi.encodePacked(request.memoryId, request.memoryCheckpoint, request.memoryCheckpointHash);
        return bytes.concat(
            abi.encodePacked(uint8(1), requestId, request.requester, request.nonce, request.model),
            context,
            abi.encodePacked(uint32(parameters.length), parameters, request.maxLength, request.gate),
            memory_
        );
    }

    function startOf(uint32 length, bytes32[] memory peaks) internal pure returns (bytes memory) {
        return abi.encodePacked(length, uint8(peaks.length), peaks);
    }

    function tokens(bytes32 turn, Place memory previous, uint32 first, uint8 choice, bytes32 root, uint32[] memory ids)
        internal
        pure
        returns (bytes memory body)
    {
        body = abi.encodePacked(
            _head(2, turn, previous), first, choice, root, keccak256("rows"), uint32(ids.length)
        );
        for (uint256 i = 0; i < ids.length; ++i) {
            body = bytes.concat(body, bytes4(ids[i]));
        }
    }

    function definition(uint32 columns, bytes memory orders, bytes32 salt, address[] memory writers)
        internal
        pure
        returns (bytes memory encoded)
    {
        encoded = abi.encodePacked(columns, uint8(orders.length), orders, salt, uint8(writers.length));
        for (uint256 i = 0; i < writers.length; ++i) {
            encoded = abi.encodePacked(encoded, writers[i]);
        }
    }

    /// @param range Start, first and count, of 4 bytes each.
    function learn(
        bytes32 turn,
        Place memory previous,
        bytes memory memory_,
        bytes memory range,
        uint32 length,
        bytes32 root
    ) internal pure returns (bytes memory) {
        return abi.encodePacked(_head(3, turn, previous), memory_, range, length, root);
    }

    function close(bytes32 turn, Place memory previous, bytes32 requestId, uint32 length, bytes32 root, uint8 reason)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(_head(4, turn, previous), requestId, length, root, reason);
    }

    function _head(uint8 kind, bytes32 turn, Place memory previous) private pure returns (bytes memory) {
        return abi.encodePacked(kind, turn, previous.sequence, previous.index);
    }
}
