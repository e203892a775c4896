// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title WeftTree
/// @notice Merkle trees of fixed depth whose paths are directed by the index of the leaf: bit `i` of the index says
/// whether the node at level `i` is a right child. A proof therefore proves a position, not mere membership.
/// @dev Leaves and nodes are separated by kind, so that nothing from one tree reads as part of another, and a node
/// (tag 0x80 | kind) never reads as a leaf (tag kind). Empty positions hold the empty leaf, which is why the root of
/// an empty tree is defined and is not zero; zero is never a root.
library WeftTree {
    uint8 internal constant SNAPSHOTS = 0x01;
    uint8 internal constant SEGMENTS = 0x02;
    uint8 internal constant CUT = 0x03;
    uint8 internal constant CONTEXT = 0x04;
    uint8 internal constant MEMORY_TRACE = 0x05;
    uint8 internal constant MEMORY = 0x06;
    uint8 internal constant MEMORY_ROWS = 0x07;

    uint256 internal constant SNAPSHOTS_DEPTH = 8;
    uint256 internal constant SEGMENTS_DEPTH = 16;
    uint256 internal constant CUT_DEPTH = 24;
    uint256 internal constant CONTEXT_DEPTH = 24;
    uint256 internal constant MEMORY_TRACE_DEPTH = 16;
    uint256 internal constant MEMORY_DEPTH = 40;
    uint256 internal constant MEMORY_ROWS_DEPTH = 19;

    /// @notice No tree has this kind.
    error WeftTreeUnknownKind(uint8 kind);
    /// @notice A leaf without data would be the empty leaf.
    error WeftTreeEmptyData();
    /// @notice A proof has exactly one sibling per level.
    error WeftTreeProofLength(uint256 expected, uint256 actual);
    /// @notice The index lies outside the tree.
    error WeftTreeIndexOutOfRange(uint256 index, uint256 depth);

    /// @notice The number of levels between a leaf and the root of a tree of this kind.
    function depthOf(uint8 kind) internal pure returns (uint256) {
        if (kind == SNAPSHOTS) return SNAPSHOTS_DEPTH;
        if (kind == SEGMENTS) return SEGMENTS_DEPTH;
        if (kind == CUT) return CUT_DEPTH;
        if (kind == CONTEXT) return CONTEXT_DEPTH;
        if (kind == MEMORY_TRACE) return MEMORY_TRACE_DEPTH;
        if (kind == MEMORY) return MEMORY_DEPTH;
        if (kind == MEMORY_ROWS) return MEMORY_ROWS_DEPTH;
        revert WeftTreeUnknownKind(kind);
    }

    /// @notice Hash of a leaf. Reverts with `WeftTreeEmptyData` where there is no data.
    function leaf(uint8 kind, bytes memory data) internal pure returns (bytes32) {
        if (data.length == 0) revert WeftTreeEmptyData();
        return keccak256(abi.encodePacked(kind, data));
    }

    /// @notice Hash of a position that holds nothing.
    function emptyLeaf(uint8 kind) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(kind));
    }

    /// @notice Hash of an inner node.
    function node(uint8 kind, bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0x80 | kind), left, right));
    }

    /// @notice Root of a tree of this kind without any leaf.
    function emptyRoot(uint8 kind) internal pure returns (bytes32 root) {
        return emptyRoots(kind)[depthOf(kind)];
    }

    /// @notice Roots of empty subtrees of every height: first the empty leaf, last the empty tree's root.
    function emptyRoots(uint8 kind) internal pure returns (bytes32[] memory roots) {
        uint256 depth = depthOf(kind);
        roots = new bytes32[](depth + 1);
        roots[0] = emptyLeaf(kind);
        for (uint256 level = 0; level < depth; ++level) {
            roots[level + 1] = node(kind, roots[level], roots[level]);
        }
    }

    /// @notice Root that a leaf at `index` and its siblings, from the bottom up, imply.
    /// @dev Reverts with `WeftTreeProofLength` or `WeftTreeIndexOutOfRange` where the shape is wrong.
    function rootOf(uint8 kind, uint256 depth, bytes32 leafHash, uint256 index, bytes32[] calldata proof)
        internal
        pure
        returns (bytes32 root)
    {
        if (proof.length != depth) revert WeftTreeProofLength(depth, proof.length);
        if (index >> depth != 0) revert WeftTreeIndexOutOfRange(index, depth);
        root = leafHash;
        // Assembly, because a proof is hashed level by level: one buffer past the free memory pointer is used again
        // at every level, where `abi.encodePacked` would allocate a new one (about a third of the gas in all).
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore8(buffer, or(0x80, kind)) // the tag is the same at all levels
            let left := add(buffer, 1)
            let right := add(buffer, 33)
            for { let level := 0 } lt(level, depth) { level := add(level, 1) } {
                let sibling := calldataload(add(proof.offset, shl(5, level)))
                switch and(shr(level, index), 1)
                case 0 {
                    mstore(left, root)
                    mstore(right, sibling)
                }
                default {
                    mstore(left, sibling)
                    mstore(right, root)
                }
                root := keccak256(buffer, 65)
            }
        }
    }

    /// @notice Whether `root` has the leaf at exactly this index. A wrong shape and a zero root are answered with no.
    function verify(uint8 kind, bytes32 root, bytes32 leafHash, uint256 index, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        uint256 depth = depthOf(kind);
        if (root == 0 || proof.length != depth || index >> depth != 0) return false;
        return rootOf(kind, depth, leafHash, index, proof) == root;
    }
}
