// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Checkpoint, CutEntry, Request, SegmentHeader} from "./WeftTypes.sol";
import {WeftTree} from "./WeftTree.sol";

/// @title WeftHash
/// @notice Hashes of everything that is signed, chained or named.
/// @dev A header or checkpoint hash is the EIP-712 digest, so one value is signed, chained, put in leaves and stored.
/// Ids are struct hashes without a domain: what they contain binds them to a chain already.
library WeftHash {
    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant SEGMENT_TYPEHASH = keccak256(
        "Segment(address operator,bytes16 incarnation,uint64 sequence,bytes32 previous,bytes32 snapshotsRoot,uint32 snapshotCount)"
    );
    bytes32 internal constant CHECKPOINT_TYPEHASH = keccak256(
        "Checkpoint(uint64 number,bytes32 parent,uint64 registryPosition,bytes32 registryHash,bytes32 cutRoot,uint32 entryCount,bytes32 segmentsRoot,uint32 segmentCount,bytes32 memoryRoot,bytes32 memoryTraceRoot)"
    );
    bytes32 internal constant TRACK_TYPEHASH = keccak256("Track(address operator,bytes16 incarnation)");
    bytes32 internal constant TURN_TYPEHASH = keccak256("Turn(bytes32 track,uint64 sequence,uint32 index)");
    bytes32 internal constant DRAW_TYPEHASH = keccak256("Draw(bytes32 request,uint32 position)");
    bytes32 internal constant REQUEST_TYPEHASH = keccak256(
        "Request(bytes32 requester,bytes32 nonce,bytes32 model,bytes32 contextBefore,uint32 lengthBefore,bytes32 contextAfter,uint32 lengthAfter,bytes32 parameters,uint32 maxLength,bytes32 memoryId,uint64 memoryCheckpoint,bytes32 memoryCheckpointHash,uint8 gate)"
    );

    string internal constant DOMAIN_NAME = "Weft";
    string internal constant DOMAIN_VERSION = "1";

    /// @notice Separator of the domain that headers and checkpoints of one ledger are signed in.
    function domainSeparator(uint256 chainId, address verifyingContract) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256(bytes(DOMAIN_NAME)),
                keccak256(bytes(DOMAIN_VERSION)),
                chainId,
                verifyingContract
            )
        );
    }

    /// @notice Hash of a segment header: its EIP-712 digest.
    function headerHash(bytes32 domain, SegmentHeader calldata header) internal pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domain, keccak256(abi.encode(SEGMENT_TYPEHASH, header)));
    }

    /// @notice Hash of a checkpoint: its EIP-712 digest.
    function checkpointHash(bytes32 domain, Checkpoint memory checkpoint) internal pure returns (bytes32) {
        bytes32 typehash = CHECKPOINT_TYPEHASH;
        bytes32 structHash;
        // A struct of value types lies in memory as abi.encode would write it, one word per field and each already
        // validated. So it is copied behind its type hash as a whole, not encoded field by field.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(buffer, typehash)
            mcopy(add(buffer, 0x20), checkpoint, 320) // 10 fields
            structHash := keccak256(buffer, 352)
        }
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }

    /// @notice Id of a track, which stands before its first header.
    function trackId(address operator, bytes16 incarnation) internal pure returns (bytes32) {
        return keccak256(abi.encode(TRACK_TYPEHASH, operator, incarnation));
    }

    /// @notice Id of a turn: the place of the snapshot that opened it.
    function turnId(bytes32 track, uint64 sequence, uint32 index) internal pure returns (bytes32) {
        return keccak256(abi.encode(TURN_TYPEHASH, track, sequence, index));
    }

    /// @notice Seed of all randomness of an answer at one absolute position.
    function draw(bytes32 request, uint32 position) internal pure returns (bytes32) {
        return keccak256(abi.encode(DRAW_TYPEHASH, request, position));
    }

    /// @notice Id of a request.
    function requestId(Request memory request) internal pure returns (bytes32) {
        return keccak256(abi.encode(REQUEST_TYPEHASH, request));
    }

    /// @notice Leaf of a segment in the segments tree of a checkpoint.
    function segmentLeaf(bytes32 header) internal pure returns (bytes32) {
        return WeftTree.leaf(WeftTree.SEGMENTS, abi.encodePacked(header));
    }

    /// @notice Leaf of a snapshot in the snapshots tree of a segment; the salt hides it from whoever sees siblings.
    function snapshotLeaf(bytes16 salt, bytes calldata body) internal pure returns (bytes32) {
        return WeftTree.leaf(WeftTree.SNAPSHOTS, abi.encodePacked(salt, body));
    }

    /// @notice Leaf of a track's entry in the cut.
    function cutLeaf(CutEntry calldata entry) internal pure returns (bytes32) {
        return WeftTree.leaf(
            WeftTree.CUT,
            abi.encodePacked(
                entry.operator, entry.incarnation, entry.sequence, entry.head, entry.ended, entry.first
            )
        );
    }

    /// @notice Leaf of one entry of the memory trace.
    function memoryTraceLeaf(bytes32 memoryRoot) internal pure returns (bytes32) {
        return WeftTree.leaf(WeftTree.MEMORY_TRACE, abi.encodePacked(memoryRoot));
    }
}
