// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title TokensSnapshot
/// @notice Reads the body of a `Tokens` snapshot: a run of token ids of one turn.
/// @dev All integers big endian.
/// | bytes     | field                                                     |
/// | 0         | snapshot kind, 2                                          |
/// | 1..33     | turn id                                                   |
/// | 33..41    | sequence of the turn's latest earlier snapshot            |
/// | 41..45    | index of that snapshot in its segment                     |
/// | 45..49    | absolute position of the first token                      |
/// | 49        | token kind: 1 given, 2 carried, 3 written                 |
/// | 50..82    | context root after the tokens                             |
/// | 82..114   | SHA-256 digest of the rows of written positions           |
/// | 114..118  | count                                                     |
/// | 118..     | count token ids of 4 bytes                                |
library TokensSnapshot {
    uint8 internal constant KIND = 2;
    uint8 internal constant GIVEN = 1;
    uint8 internal constant CARRIED = 2;
    uint8 internal constant WRITTEN = 3;
    uint256 internal constant HEADER_LENGTH = 118;

    /// @notice The body is another kind of snapshot.
    error TokensSnapshotWrongKind(uint8 kind);
    /// @notice The body is shorter or longer than its count says; lengths in bytes.
    error TokensSnapshotWrongLength(uint256 expected, uint256 actual);
    /// @notice Tokens are given, carried or written, nothing else.
    error TokensSnapshotUnknownTokenKind(uint8 tokenKind);
    /// @notice These tokens do not cover the position.
    error TokensSnapshotPositionOutOfRange(uint256 position, uint256 first, uint256 count);

    /// @notice Checks the shape; every reader below assumes that it has been checked.
    function validate(bytes calldata body) internal pure {
        if (body.length < HEADER_LENGTH) revert TokensSnapshotWrongLength(HEADER_LENGTH, body.length);
        if (uint8(body[0]) != KIND) revert TokensSnapshotWrongKind(uint8(body[0]));
        uint256 expected = HEADER_LENGTH + 4 * uint256(count(body));
        if (body.length != expected) revert TokensSnapshotWrongLength(expected, body.length);
        uint8 kind = tokenKind(body);
        if (kind < GIVEN || kind > WRITTEN) revert TokensSnapshotUnknownTokenKind(kind);
    }

    /// @notice Turn that the tokens belong to.
    function turn(bytes calldata body) internal pure returns (bytes32) {
        return bytes32(body[1:33]);
    }

    /// @notice Absolute position of the first token.
    function firstPosition(bytes calldata body) internal pure returns (uint32) {
        return uint32(bytes4(body[45:49]));
    }

    /// @notice Whether the tokens were given, carried or written.
    function tokenKind(bytes calldata body) internal pure returns (uint8) {
        return uint8(body[49]);
    }

    /// @notice Context root after the tokens.
    function contextRoot(bytes calldata body) internal pure returns (bytes32) {
        return bytes32(body[50:82]);
    }

    /// @notice Number of tokens.
    function count(bytes calldata body) internal pure returns (uint32) {
        return uint32(bytes4(body[114:118]));
    }

    /// @notice All token ids.
    function tokens(bytes calldata body) internal pure returns (uint32[] memory ids) {
        ids = new uint32[](count(body));
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 offset = HEADER_LENGTH + 4 * i;
            ids[i] = uint32(bytes4(body[offset:offset + 4]));
        }
    }

    /// @notice Token id at an absolute position of the conversation.
    /// @dev Checks the shape first, and reverts with the errors of this library.
    function tokenAt(bytes calldata body, uint32 position) internal pure returns (uint32) {
        validate(body);
        uint256 first = firstPosition(body);
        uint256 length = count(body);
        if (position < first || position - first >= length) {
            revert TokensSnapshotPositionOutOfRange(position, first, length);
        }
        uint256 offset = HEADER_LENGTH + 4 * (position - first);
        return uint32(bytes4(body[offset:offset + 4]));
    }
}
