// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";

/// @notice Snapshot bodies, and proofs for a `MockLedger`, which asks for no siblings.
library Proofs {
    function closeBody(bytes32 turn, bytes32 requestId, uint32 length, bytes32 root)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(uint8(4), turn, uint64(1), uint32(0), requestId, length, root, uint8(3));
    }

    function tokensBody(bytes32 turn, uint32 first, uint8 kind, bytes32 root, uint32[] memory ids)
        internal
        pure
        returns (bytes memory body)
    {
        bytes memory head =
            abi.encodePacked(uint8(2), turn, uint64(1), uint32(0), first, kind, root, bytes32(0), uint32(ids.length));
        body = head;
        for (uint256 i = 0; i < ids.length; ++i) {
            body = bytes.concat(body, bytes4(ids[i]));
        }
    }

    function proofAt(address operator, uint64 number, uint32 segmentIndex, uint32 snapshotIndex, bytes memory body)
        internal
        pure
        returns (SnapshotProof memory proof)
    {
        proof.number = number;
        proof.segmentIndex = segmentIndex;
        proof.header = SegmentHeader(operator, bytes16(uint128(7)), 1, 0, 0, snapshotIndex + 1);
        proof.snapshotIndex = snapshotIndex;
        proof.body = body;
    }
}
