// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FormatsHarness} from "../test/FormatsHarness.sol";
import {VM} from "../test/Vm.sol";
import {WeftTree} from "./WeftTree.sol";

contract WeftTreeTest {
    FormatsHarness private _harness;

    function setUp() public {
        _harness = new FormatsHarness();
    }

    /// The assembly against the obvious way.
    function testFuzz_RootOfIsTheFold(uint8 seed, uint256 index, bytes32 leaf, bytes32 salt) public view {
        uint8 kind = 1 + seed % 6;
        uint256 depth = _harness.depthOf(kind);
        index %= 1 << depth;
        bytes32[] memory proof = _siblings(depth, salt);
        bytes32 root = leaf;
        for (uint256 i = 0; i < depth; ++i) {
            root = (index >> i) & 1 == 0 ? _harness.node(kind, root, proof[i]) : _harness.node(kind, proof[i], root);
        }
        assert(_harness.rootOf(kind, depth, leaf, index, proof) == root);
        assert(_harness.verify(kind, root, leaf, index, proof));
    }

    function testFuzz_ProofHoldsAtOneIndexOnly(uint16 index, uint16 other, bytes32 leaf, bytes32 salt) public view {
        VM.assume(index != other);
        uint8 kind = WeftTree.SEGMENTS;
        bytes32[] memory proof = _siblings(16, salt);
        bytes32 root = _harness.rootOf(kind, 16, leaf, index, proof);
        assert(!_harness.verify(kind, root, leaf, other, proof));
    }

    function testFuzz_IndexOutsideTheTreeIsRefused(uint256 index) public {
        VM.assume(index >= 1 << 16);
        bytes32[] memory proof = _siblings(16, 0);
        assert(!_harness.verify(WeftTree.SEGMENTS, bytes32(uint256(1)), 0, index, proof));
        VM.expectRevert(abi.encodeWithSelector(WeftTree.WeftTreeIndexOutOfRange.selector, index, 16));
        _harness.rootOf(WeftTree.SEGMENTS, 16, 0, index, proof);
    }

    function testFuzz_OtherLengthIsRefused(uint8 length) public {
        VM.assume(length != 8);
        bytes32[] memory proof = _siblings(length, 0);
        assert(!_harness.verify(WeftTree.SNAPSHOTS, bytes32(uint256(1)), 0, 0, proof));
        VM.expectRevert(abi.encodeWithSelector(WeftTree.WeftTreeProofLength.selector, 8, length));
        _harness.rootOf(WeftTree.SNAPSHOTS, 8, 0, 0, proof);
    }

    function test_ZeroRootHasNoLeaves() public view {
        assert(!_harness.verify(WeftTree.SNAPSHOTS, 0, 0, 0, _siblings(8, 0)));
    }

    function test_EmptyRootsDifferByKindAndAreNotZero() public view {
        for (uint8 kind = 1; kind <= 6; ++kind) {
            bytes32 root = _harness.emptyRoot(kind);
            assert(root != 0);
            for (uint8 other = kind + 1; other <= 6; ++other) {
                assert(root != _harness.emptyRoot(other));
            }
        }
    }

    function test_EmptyRootIsTheRootOfEmptyLeaves() public view {
        bytes32[] memory proof = new bytes32[](8);
        bytes32 node = _harness.emptyLeaf(1);
        for (uint256 i = 0; i < 8; ++i) {
            proof[i] = node;
            node = _harness.node(1, node, node);
        }
        assert(_harness.rootOf(1, 8, _harness.emptyLeaf(1), 200, proof) == _harness.emptyRoot(1));
    }

    function test_LeafNeedsData() public {
        VM.expectRevert(WeftTree.WeftTreeEmptyData.selector);
        _harness.leaf(1, "");
    }

    function test_UnknownKindIsRefused() public {
        VM.expectRevert(abi.encodeWithSelector(WeftTree.WeftTreeUnknownKind.selector, 8));
        _harness.emptyRoot(8);
    }

    function _siblings(uint256 depth, bytes32 salt) private pure returns (bytes32[] memory proof) {
        proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            proof[i] = keccak256(abi.encode(salt, i));
        }
    }
}
