// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Operand, OpAt, TensorRun, TileAt} from "../interfaces/IInferenceCourt.sol";
import {Lists} from "./Lists.sol";

/// @notice The tensors of a forward pass; values int32.
struct Trace {
    bytes[] tensors;
}

/// @notice A model of two operations: the embedding of a token, 100 values, and logits of 4 tokens, one product for each. What a
/// product reads lies in two tiles where positions do not begin with one. Built the obvious way.
library TinyModel {
    uint256 internal constant WIDTH = 100;
    uint256 internal constant VOCAB = 4;
    uint256 internal constant MOST_POSITIONS = 9;

    function weight(uint256 constant_, uint256 row, uint256 column) internal pure returns (int8) {
        return int8(int256(uint256(keccak256(abi.encode(constant_, row, column))) % 11) - 5);
    }

    /// @notice Four of each constant.
    function tiles() internal pure returns (bytes[] memory all) {
        all = new bytes[](2 * VOCAB);
        for (uint256 i = 0; i < all.length; ++i) {
            for (uint256 column = 0; column < WIDTH; ++column) {
                all[i] = bytes.concat(all[i], bytes1(uint8(weight(i / VOCAB, i % VOCAB, column))));
            }
        }
    }

    function tileAt(uint256 number) internal pure returns (TileAt memory) {
        bytes[] memory all = tiles();
        return TileAt(all[number], Lists.pathOf(0x0a, 24, _hashed(0x0a, all), number));
    }

    /// @notice Leaves of the manifest: head, constants, operations.
    function leaves() internal pure returns (bytes[] memory all) {
        all = new bytes[](5);
        bytes memory sizes = abi.encodePacked(uint32(VOCAB), uint32(MOST_POSITIONS), uint16(1), uint32(3), uint8(0));
        bytes memory counts = abi.encodePacked(uint16(2), uint16(2), uint16(0), uint16(1), uint16(2));
        all[0] = bytes.concat(hex"01016d0474657374", sizes, counts, Lists.rootOf(0x0a, 24, _hashed(0x0a, tiles())));
        all[1] = abi.encodePacked(uint8(1), uint32(VOCAB), uint32(WIDTH), uint32(0), hex"0165");
        all[2] = abi.encodePacked(uint8(1), uint32(VOCAB), uint32(WIDTH), uint32(VOCAB), hex"016c");
        all[3] = abi.encodePacked(uint16(0), uint8(1), uint16(0), uint32(WIDTH), uint8(0), hex"0178");
        bytes memory operands = abi.encodePacked(uint16(1), uint8(4), uint16(0), uint16(1));
        all[4] = abi.encodePacked(
            operands, uint32(WIDTH), uint32(VOCAB), uint8(0), uint32(0), uint16(0xffff), hex"0179"
        );
    }

    function head() internal pure returns (bytes memory) {
        return leaves()[0];
    }

    function root() internal pure returns (bytes32) {
        return Lists.rootOf(0x09, 12, _hashed(0x09, leaves()));
    }

    function leafProof(uint256 index) internal pure returns (bytes32[] memory) {
        return Lists.pathOf(0x09, 12, _hashed(0x09, leaves()), index);
    }

    function opAt(uint16 number) internal pure returns (OpAt memory) {
        return OpAt(number, leaves()[3 + number], leafProof(3 + number));
    }

    /// @notice What the model says over this context.
    function forward(uint32[] memory ids) internal pure returns (Trace memory trace) {
        trace.tensors = new bytes[](2);
        for (uint256 t = 0; t < ids.length; ++t) {
            for (uint256 d = 0; d < WIDTH; ++d) {
                trace.tensors[0] = bytes.concat(trace.tensors[0], bytes4(uint32(int32(weight(0, ids[t], d)))));
            }
            for (uint256 v = 0; v < VOCAB; ++v) {
                trace.tensors[1] = bytes.concat(trace.tensors[1], bytes4(uint32(logit(ids[t], v))));
            }
        }
    }

    function logit(uint256 token, uint256 v) internal pure returns (int32 sum) {
        for (uint256 d = 0; d < WIDTH; ++d) {
            sum += int32(weight(0, token, d)) * weight(1, v, d);
        }
    }

    /// @notice Adds one to a value.
    function bend(Trace memory trace, uint256 tensor, uint256 index) internal pure {
        bytes memory values = trace.tensors[tensor];
        values[4 * index + 3] = bytes1(uint8(values[4 * index + 3]) ^ 1);
    }

    /// @notice Roots of the groups of a tensor.
    function groupRoots(Trace memory trace, uint256 tensor) internal pure returns (bytes32[] memory) {
        return Lists.alone(Lists.rootOf(0x0d, 4, _hashed(0x0d, _tilesOf(trace.tensors[tensor]))));
    }

    function tensorRoots(Trace memory trace) internal pure returns (bytes32[] memory roots) {
        roots = new bytes32[](trace.tensors.length);
        for (uint256 i = 0; i < roots.length; ++i) {
            roots[i] = Lists.rootOf(0x0c, 9, _leaves(0x0c, groupRoots(trace, i)));
        }
    }

    function traceRoot(bytes32[] memory roots) internal pure returns (bytes32) {
        return Lists.rootOf(0x0b, 11, _leaves(0x0b, roots));
    }

    function tensorProof(bytes32[] memory roots, uint256 tensor) internal pure returns (bytes32[] memory) {
        return Lists.pathOf(0x0b, 11, _leaves(0x0b, roots), tensor);
    }

    /// @notice 9 siblings of the first group.
    function groupProof(Trace memory trace, uint256 tensor) internal pure returns (bytes32[] memory) {
        return Lists.pathOf(0x0c, 9, _leaves(0x0c, groupRoots(trace, tensor)), 0);
    }

    /// @notice The tiles that have values from an index on.
    function run(Trace memory trace, uint256 tensor, uint256 first, uint256 count)
        internal
        pure
        returns (TensorRun memory opened)
    {
        bytes[] memory all = _tilesOf(trace.tensors[tensor]);
        uint256 tile = first / 256;
        opened.tiles = new TileAt[]((first + count - 1) / 256 - tile + 1);
        for (uint256 i = 0; i < opened.tiles.length; ++i) {
            bytes32[] memory inGroup = Lists.pathOf(0x0d, 4, _hashed(0x0d, all), tile + i);
            opened.tiles[i] = TileAt(all[tile + i], Lists.joined(inGroup, groupProof(trace, tensor)));
        }
        opened.proof = tensorProof(tensorRoots(trace), tensor);
    }

    /// @notice What an operation reads of another.
    function operand(Trace memory trace, uint256 op, uint256 first, uint256 count)
        internal
        pure
        returns (Operand memory)
    {
        return Operand(leaves()[3 + op], leafProof(3 + op), run(trace, op, first, count));
    }

    /// @notice One row of a constant.
    function constantRow(uint256 number, uint256 row) internal pure returns (Operand memory opened) {
        (opened.leaf, opened.leafProof) = (leaves()[1 + number], leafProof(1 + number));
        opened.run.tiles = new TileAt[](1);
        opened.run.tiles[0] = tileAt(number * VOCAB + row);
    }

    function _tilesOf(bytes memory values) private pure returns (bytes[] memory all) {
        all = new bytes[]((values.length + 1023) / 1024);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = Lists.cut(values, 1024 * i, 1024 * (i + 1));
        }
    }

    function _hashed(uint8 kind, bytes[] memory all) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            hashes[i] = Lists.leaf(kind, all[i]);
        }
    }

    function _leaves(uint8 kind, bytes32[] memory roots) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](roots.length);
        for (uint256 i = 0; i < roots.length; ++i) {
            hashes[i] = Lists.leaf(kind, abi.encodePacked(roots[i]));
        }
    }
}
