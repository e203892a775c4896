// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ByteReader, Cursor} from "./ByteReader.sol";
import {ContextPeaks} from "./ContextPeaks.sol";
import {WeftHash} from "./WeftHash.sol";
import {Request} from "./WeftTypes.sol";

/// @notice What a `TurnOpen` snapshot says. Positions and lengths in tokens.
struct OpenedTurn {
    bytes32 requestId;
    Request request;
    uint256 parentPosition; // zero without a parent
    uint256 start; // where the turn's own tokens begin
    bytes32[] peaks; // of the context up to there
}

/// @title OpenSnapshot
/// @notice Reads the body of a `TurnOpen` snapshot, and judges what can be judged by it alone.
/// @dev Snapshot kind 1, request id, the request's fields in the order of its type but with the parameters' bytes behind
/// their length, gate before memory; then flag and parent, start with its peaks, flag and the turn that it continues.
library OpenSnapshot {
    using ByteReader for Cursor;

    /// @dev Where the parameters begin.
    uint256 private constant PARAMETERS = 205;
    uint256 private constant MOST_BYTES = 64 * 1024;
    uint256 private constant MOST_TEMPERATURE = 1000;
    uint256 private constant MOST_STOPS = 4;
    uint256 private constant MOST_STOP_BYTES = 64;
    uint256 private constant LAST_GATE = 3;
    uint256 private constant MOST_PEAKS = 24;

    /// @notice What a body of this kind says, and whether it has the encoding of one.
    function read(bytes calldata body) internal pure returns (bool wellFormed, OpenedTurn memory opened) {
        Cursor memory cursor = Cursor(1, false);
        opened.requestId = cursor.word(body);
        _readRequest(cursor, body, opened.request);
        if (cursor.choice(body, 1) == 1) {
            cursor.counter(body);
            cursor.hash(body);
            cursor.hash(body);
            opened.parentPosition = cursor.uintOf(body, 4);
        }
        opened.start = cursor.uintOf(body, 4);
        uint256 count = cursor.choice(body, MOST_PEAKS);
        if (cursor.bad || !ContextPeaks.fits(opened.start, count)) return (false, opened);
        opened.peaks = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            opened.peaks[i] = cursor.word(body);
        }
        if (cursor.choice(body, 1) == 1) cursor.hash(body);
        wellFormed = !cursor.bad && cursor.offset == body.length && body.length <= MOST_BYTES;
    }

    /// @notice Temperature of the request, in hundredths. The body is well formed.
    function temperature(bytes calldata body) internal pure returns (uint16) {
        return uint16(bytes2(body[PARAMETERS:]));
    }

    /// @notice Context root where the turn's own tokens begin.
    function startRoot(OpenedTurn memory opened) internal pure returns (bytes32) {
        return ContextPeaks.root(opened.start, opened.peaks);
    }

    /// @notice Whether a well-formed one opens a turn by the rules.
    function isValid(OpenedTurn memory opened) internal pure returns (bool) {
        Request memory request = opened.request;
        return opened.requestId == WeftHash.requestId(request) && request.maxLength > 0
            && mostTokens(opened) <= ContextPeaks.MOST_TOKENS && opened.start == opened.parentPosition
            && opened.start <= request.lengthBefore && passes(opened, opened.start, startRoot(opened));
    }

    /// @notice Whether a context of this length and root may be the one that the request binds.
    function passes(OpenedTurn memory opened, uint256 length, bytes32 root) internal pure returns (bool) {
        Request memory request = opened.request;
        return (length != request.lengthBefore || root == request.contextBefore)
            && (length != request.lengthAfter || root == request.contextAfter);
    }

    /// @notice Length of the longest context that the turn may end with.
    function mostTokens(OpenedTurn memory opened) internal pure returns (uint256) {
        return uint256(opened.request.lengthAfter) + opened.request.maxLength;
    }

    function _readRequest(Cursor memory cursor, bytes calldata body, Request memory request) private pure {
        request.requester = cursor.word(body);
        request.nonce = cursor.word(body);
        request.model = cursor.word(body);
        request.contextBefore = cursor.hash(body);
        request.lengthBefore = uint32(cursor.uintOf(body, 4));
        request.contextAfter = cursor.hash(body);
        request.lengthAfter = uint32(cursor.uintOf(body, 4));
        if (request.lengthAfter < request.lengthBefore) cursor.bad = true;
        request.parameters = _readParameters(cursor, body);
        request.maxLength = uint32(cursor.uintOf(body, 4));
        request.gate = uint8(cursor.choice(body, LAST_GATE));
        if (request.gate == 0) return;
        request.memoryId = cursor.hash(body);
        request.memoryCheckpoint = uint64(cursor.counter(body));
        request.memoryCheckpointHash = cursor.hash(body);
    }

    /// @dev Reads the parameters and returns their hash.
    function _readParameters(Cursor memory cursor, bytes calldata body) private pure returns (bytes32) {
        uint256 length = cursor.uintOf(body, 4);
        uint256 from = cursor.offset;
        if (cursor.uintOf(body, 2) > MOST_TEMPERATURE) cursor.bad = true;
        uint256 stops = cursor.choice(body, MOST_STOPS);
        for (uint256 i = 0; i < stops && !cursor.bad; ++i) {
            uint256 size = cursor.choice(body, MOST_STOP_BYTES);
            if (size == 0) cursor.bad = true;
            cursor.skip(body, size);
        }
        if (cursor.offset != from + length) cursor.bad = true;
        return cursor.bad ? bytes32(0) : keccak256(body[from:cursor.offset]);
    }
}
