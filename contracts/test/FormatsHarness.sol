// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ContextTree} from "../libraries/ContextTree.sol";
import {Learn, LearnSnapshot} from "../libraries/LearnSnapshot.sol";
import {MemoryTree, RowChange} from "../libraries/MemoryTree.sol";
import {OperatorSet} from "../libraries/OperatorSet.sol";
import {TokensSnapshot} from "../libraries/TokensSnapshot.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, CutEntry, Request, SegmentHeader} from "../libraries/WeftTypes.sol";

/// @title FormatsHarness
/// @notice Exposes the libraries, so that other implementations of the formats are checked against the chain's.
contract FormatsHarness {
    function leaf(uint8 kind, bytes calldata data) external pure returns (bytes32) {
        return WeftTree.leaf(kind, data);
    }

    function emptyLeaf(uint8 kind) external pure returns (bytes32) {
        return WeftTree.emptyLeaf(kind);
    }

    function node(uint8 kind, bytes32 left, bytes32 right) external pure returns (bytes32) {
        return WeftTree.node(kind, left, right);
    }

    function depthOf(uint8 kind) external pure returns (uint256) {
        return WeftTree.depthOf(kind);
    }

    function emptyRoot(uint8 kind) external pure returns (bytes32) {
        return WeftTree.emptyRoot(kind);
    }

    function rootOf(uint8 kind, uint256 depth, bytes32 leafHash, uint256 index, bytes32[] calldata proof)
        external
        pure
        returns (bytes32)
    {
        return WeftTree.rootOf(kind, depth, leafHash, index, proof);
    }

    function verify(uint8 kind, bytes32 root, bytes32 leafHash, uint256 index, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return WeftTree.verify(kind, root, leafHash, index, proof);
    }

    function verifyContext(bytes32 root, uint32 position, uint32 token, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return ContextTree.verify(root, position, token, proof);
    }

    function domainSeparator(uint256 chainId, address verifyingContract) external pure returns (bytes32) {
        return WeftHash.domainSeparator(chainId, verifyingContract);
    }

    function headerHash(bytes32 domain, SegmentHeader calldata header) external pure returns (bytes32) {
        return WeftHash.headerHash(domain, header);
    }

    function checkpointHash(bytes32 domain, Checkpoint calldata checkpoint) external pure returns (bytes32) {
        return WeftHash.checkpointHash(domain, checkpoint);
    }

    function trackId(address operator, bytes16 incarnation) external pure returns (bytes32) {
        return WeftHash.trackId(operator, incarnation);
    }

    function turnId(bytes32 track, uint64 sequence, uint32 index) external pure returns (bytes32) {
        return WeftHash.turnId(track, sequence, index);
    }

    function drawSeed(bytes32 request, uint32 position) external pure returns (bytes32) {
        return WeftHash.draw(request, position);
    }

    function requestId(Request calldata request) external pure returns (bytes32) {
        return WeftHash.requestId(request);
    }

    function segmentLeaf(bytes32 header) external pure returns (bytes32) {
        return WeftHash.segmentLeaf(header);
    }

    function snapshotLeaf(bytes16 salt, bytes calldata body) external pure returns (bytes32) {
        return WeftHash.snapshotLeaf(salt, body);
    }

    function cutLeaf(CutEntry calldata entry) external pure returns (bytes32) {
        return WeftHash.cutLeaf(entry);
    }

    function contextLeaf(uint32 token) external pure returns (bytes32) {
        return ContextTree.leaf(token);
    }

    function memoryTraceLeaf(bytes32 memoryRoot) external pure returns (bytes32) {
        return WeftHash.memoryTraceLeaf(memoryRoot);
    }

    function tokenAt(bytes calldata body, uint32 position) external pure returns (uint32) {
        return TokensSnapshot.tokenAt(body, position);
    }

    function setHash(uint256[] calldata set) external pure returns (bytes32) {
        return OperatorSet.hash(set);
    }

    function verifyRange(bytes32 root, uint256 first, uint32[] calldata tokens, bytes32[] calldata siblings)
        external
        pure
        returns (bool)
    {
        return ContextTree.verifyRange(root, first, tokens, siblings);
    }

    function readLearn(bytes calldata body, address author) external pure returns (Learn memory) {
        return LearnSnapshot.read(body, author);
    }

    function rowOf(bytes32 salt, uint256 order, uint32[] calldata ids, uint256 first, uint256 end)
        external
        pure
        returns (uint256)
    {
        return MemoryTree.rowOf(salt, order, ids, first, end);
    }

    function emptyRow(uint256 columns) external pure returns (bytes32) {
        bytes32[] memory roots = MemoryTree.emptyRows(columns);
        return roots[roots.length - 1];
    }

    /// @return change The row before and after one was added to the cell of `column`.
    /// @return used Bytes of the opening that were read.
    function countOne(bytes calldata opening, uint256 column, uint256 columns)
        external
        pure
        returns (RowChange memory change, uint256 used)
    {
        uint256 start;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            start := opening.offset
        }
        uint256 cursor = MemoryTree.count(change, column % MemoryTree.TILE_COLUMNS, start);
        cursor = MemoryTree.climbRow(change, column / MemoryTree.TILE_COLUMNS, cursor, MemoryTree.emptyRows(columns));
        used = cursor - start;
    }
}
