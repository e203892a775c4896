// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ContextTree} from "./ContextTree.sol";
import {WeftTree} from "./WeftTree.sol";

/// @title ContextPeaks
/// @notice A context by its peaks: the roots of its maximal full subtrees, largest first, one per set bit of its length.
/// Whoever has them appends tokens without those before.
library ContextPeaks {
    /// @notice Length of the longest context, in tokens.
    uint256 internal constant MOST_TOKENS = (1 << WeftTree.CONTEXT_DEPTH) - 1;

    /// @notice Whether a context of this length has so many peaks.
    function fits(uint256 length, uint256 peaks) internal pure returns (bool) {
        if (length > MOST_TOKENS) return false;
        uint256 bits = 0;
        for (uint256 rest = length; rest > 0; rest >>= 1) {
            bits += rest & 1;
        }
        return bits == peaks;
    }

    /// @notice Root of a context; `peaks` fit its length.
    function root(uint256 length, bytes32[] memory peaks) internal pure returns (bytes32 node) {
        return _root(_byLevel(length, peaks), length);
    }

    /// @notice Root of the context after more tokens, of 4 bytes each; `peaks` fit the length before them.
    /// @dev The length after them is at most `MOST_TOKENS`.
    function rootAfter(uint256 length, bytes32[] memory peaks, bytes calldata ids) internal pure returns (bytes32) {
        bytes32[] memory levels = _byLevel(length, peaks);
        for (uint256 i = 0; i < ids.length; i += 4) {
            bytes32 node = ContextTree.leaf(uint32(bytes4(ids[i:i + 4])));
            uint256 level = 0;
            for (; (length >> level) & 1 == 1; ++level) {
                node = WeftTree.node(WeftTree.CONTEXT, levels[level], node);
            }
            levels[level] = node;
            ++length;
        }
        return _root(levels, length);
    }

    /// @dev Peaks by the heights of their subtrees; what stands at other heights is not read.
    function _byLevel(uint256 length, bytes32[] memory peaks) private pure returns (bytes32[] memory levels) {
        levels = new bytes32[](WeftTree.CONTEXT_DEPTH);
        uint256 next = peaks.length;
        for (uint256 level = 0; level < WeftTree.CONTEXT_DEPTH; ++level) {
            if ((length >> level) & 1 == 1) levels[level] = peaks[--next];
        }
    }

    function _root(bytes32[] memory levels, uint256 length) private pure returns (bytes32 node) {
        bytes32[] memory empties = WeftTree.emptyRoots(WeftTree.CONTEXT);
        node = empties[0];
        for (uint256 level = 0; level < WeftTree.CONTEXT_DEPTH; ++level) {
            node = (length >> level) & 1 == 1
                ? WeftTree.node(WeftTree.CONTEXT, levels[level], node)
                : WeftTree.node(WeftTree.CONTEXT, node, empties[level]);
        }
    }
}
