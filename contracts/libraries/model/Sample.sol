// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {WeftHash} from "../WeftHash.sol";
import {Operands} from "./Operands.sol";

/// @notice What the choice of a token depends on, beside its logits and the request.
struct Sampling {
    uint256 temperature; // hundredths, 0 to 1000
    uint256 k; // by how many bits differences of logits are shifted, 0 to 31
    uint256 gate; // of the request: 0 without a memory
}

/// @title Sample
/// @notice From logits to a token, in integers: probabilities that sum to 2^16, what a memory has seen mixed into them,
/// and the token at the threshold that follows from request and position.
/// @dev Nothing here overflows: logits and counts have 32 bits, probabilities 17, sums of a row 64.
library Sample {
    using Operands for bytes;

    uint256 internal constant ONE = 1 << 16;
    uint256 private constant MOST_TEMPERATURE = 1000;
    uint256 private constant MOST_K = 31;
    uint256 private constant LAST_GATE = 3;
    /// @dev Whose distribution a memory is mixed into when the likeliest token is to be taken.
    uint256 private constant PLAIN = 100;
    /// @dev The last entry of the table of weights, which is 0.
    uint256 private constant LAST = 511;
    uint256 private constant TILE_COLUMNS = 64;

    /// @notice No request or model says this.
    error SampleOutOfRange(string field);
    /// @notice The row's opening is of another length.
    error SampleRow(uint256 order);

    /// @notice The token that a request has at a position.
    /// @param logits One int32 for each token, big endian, of the position before.
    /// @param rows Of the context's rows in the memory, see `probabilities`.
    function tokenAt(
        bytes memory logits,
        Sampling memory sampling,
        bytes[] calldata rows,
        bytes32 requestId,
        uint32 position
    ) internal pure returns (uint256) {
        return draw(probabilities(logits, sampling, rows), uint256(WeftHash.draw(requestId, position)) % ONE);
    }

    /// @notice Probabilities of the next token, as integers that sum to 2^16. Reverts with `SampleOutOfRange` or `SampleRow`.
    /// @param rows Of the memory, from its shortest order up to the longest that the context has tokens for: all tiles of 64
    /// columns side by side, each as bit map u64 of the cells that are not zero (bit i is cell i), then these, u32 each.
    function probabilities(bytes memory logits, Sampling memory sampling, bytes[] calldata rows)
        internal
        pure
        returns (uint256[] memory chances)
    {
        _require(logits.length != 0 && logits.length % Operands.TENSOR == 0, "logits");
        _require(sampling.temperature <= MOST_TEMPERATURE, "temperature");
        _require(sampling.k <= MOST_K, "k");
        _require(sampling.gate <= LAST_GATE, "gate");
        if (sampling.gate == 0) {
            _require(rows.length == 0, "rows");
            return distribution(logits, sampling.temperature, sampling.k);
        }
        chances = distribution(logits, sampling.temperature == 0 ? PLAIN : sampling.temperature, sampling.k);
        uint256 doubt = sampling.gate == 1 ? 200 : sampling.gate == 2 ? 48 : 12;
        for (uint256 order = 0; order < rows.length; ++order) {
            if (!_mix(chances, rows[order], doubt)) revert SampleRow(order);
        }
        if (sampling.temperature == 0) _takeLargest(chances);
    }

    /// @notice The first token whose running sum of probabilities exceeds a threshold below 2^16.
    function draw(uint256[] memory chances, uint256 threshold) internal pure returns (uint256 token) {
        uint256 sum = chances[0];
        unchecked {
            // Ends, because all of them together are 2^16.
            while (sum <= threshold) {
                sum += chances[++token];
            }
        }
    }

    /// @notice Probabilities without a memory: of weights by how far a logit is below the largest. What rounding loses goes to
    /// the first token of the largest weight. At temperature 0 the largest logit has everything, of equal ones the first.
    function distribution(bytes memory logits, uint256 temperature, uint256 k)
        internal
        pure
        returns (uint256[] memory chances)
    {
        uint256 count = logits.length / Operands.TENSOR;
        chances = new uint256[](count);
        (int256 max, uint256 argmax) = _largest(logits, count);
        if (temperature == 0) {
            chances[argmax] = ONE;
            return chances;
        }
        unchecked {
            uint256 furthest = 0;
            for (uint256 v = 0; v < count; ++v) {
                uint256 place = uint256(max - logits.valueAt(Operands.TENSOR, v)) >> k;
                chances[v] = place;
                if (place < LAST && place > furthest) furthest = place;
            }
            uint256[] memory table = weights(temperature, furthest);
            uint256 sum = 0;
            uint256 largest = count;
            for (uint256 v = 0; v < count; ++v) {
                uint256 place = chances[v];
                uint256 weight = place < LAST ? table[place] : 0;
                if (largest == count && weight == table[0]) largest = v;
                chances[v] = weight;
                sum += weight;
            }
            uint256 rest = ONE;
            for (uint256 v = 0; v < count; ++v) {
                uint256 chance = chances[v] * ONE / sum;
                chances[v] = chance;
                rest -= chance;
            }
            chances[largest] += rest;
        }
    }

    /// @notice Weights of a temperature of 1 to 1000 hundredths, up to an entry below 511: round(65535·exp(−100·i / (32·temperature))).
    /// @dev In 192-bit fixed point: the series of exp(y) has positive terms only, and its inverse is one step.
    function weights(uint256 temperature, uint256 furthest) internal pure returns (uint256[] memory table) {
        uint256 one = 1 << 192;
        table = new uint256[](furthest + 1);
        unchecked {
            uint256 growth = one;
            uint256 term = one;
            for (uint256 n = 1; term > 0; ++n) {
                term = term * 25 / (8 * temperature * n);
                growth += term;
            }
            uint256 step = Math.mulDiv(one, one, growth);
            uint256 power = one;
            for (uint256 i = 0; i <= furthest; ++i) {
                table[i] = (power * 65_535 + (one >> 1)) >> 192;
                power = Math.mulShr(power, step, 192);
            }
        }
    }

    function _largest(bytes memory logits, uint256 count) private pure returns (int256 max, uint256 argmax) {
        max = logits.valueAt(Operands.TENSOR, 0);
        for (uint256 v = 1; v < count; ++v) {
            int256 logit = logits.valueAt(Operands.TENSOR, v);
            if (logit > max) (max, argmax) = (logit, v);
        }
    }

    /// @dev Mixes one row in; of one without any cell nothing follows.
    function _mix(uint256[] memory chances, bytes calldata row, uint256 doubt) private pure returns (bool wellFormed) {
        uint256[] memory cells = new uint256[](chances.length);
        uint256 total;
        uint256 distinct;
        (wellFormed, total, distinct) = _readRow(cells, row);
        if (!wellFormed || total == 0) return wellFormed;
        unchecked {
            _mixCells(chances, cells, total, total * ONE / (total + doubt * distinct));
        }
    }

    function _mixCells(uint256[] memory chances, uint256[] memory cells, uint256 total, uint256 weight) private pure {
        uint256 count = chances.length;
        uint256 rest = ONE;
        uint256 largest = 0;
        uint256 most = 0;
        unchecked {
            for (uint256 id = 0; id < count; ++id) {
                uint256 cell = cells[id];
                uint256 chance = (ONE - weight) * chances[id];
                if (cell != 0) chance += weight * (cell * ONE / total);
                chance /= ONE;
                chances[id] = chance;
                rest -= chance;
                if (chance > most) (largest, most) = (id, chance);
            }
        }
        chances[largest] += rest;
    }

    /// @dev Writes the cells of tokens that there are, and adds up all of them.
    function _readRow(uint256[] memory cells, bytes calldata row)
        private
        pure
        returns (bool wellFormed, uint256 total, uint256 distinct)
    {
        uint256 cursor = 0;
        unchecked {
            for (uint256 first = 0; cursor < row.length; first += TILE_COLUMNS) {
                if (row.length - cursor < 8) return (false, 0, 0);
                uint256 map = uint64(bytes8(row[cursor:]));
                cursor += 8;
                for (uint256 id = first; map != 0; ++id) {
                    if (map & 1 == 1) {
                        if (row.length - cursor < 4) return (false, 0, 0);
                        uint256 cell = uint32(bytes4(row[cursor:]));
                        cursor += 4;
                        total += cell;
                        if (cell != 0) ++distinct;
                        if (id < cells.length) cells[id] = cell;
                    }
                    map >>= 1;
                }
            }
        }
        return (true, total, distinct);
    }

    function _takeLargest(uint256[] memory chances) private pure {
        uint256 largest = 0;
        for (uint256 id = 1; id < chances.length; ++id) {
            if (chances[id] > chances[largest]) largest = id;
        }
        for (uint256 id = 0; id < chances.length; ++id) {
            chances[id] = id == largest ? ONE : 0;
        }
    }

    function _require(bool condition, string memory field) private pure {
        if (!condition) revert SampleOutOfRange(field);
    }
}
