// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title TurnCloseSnapshot
/// @notice Reads the body of a `TurnClose` snapshot: what was answered to which request. Its place is the answer's.
/// @dev All integers big endian.
/// | bytes     | field                                                     |
/// | 0         | snapshot kind, 4                                          |
/// | 1..33     | turn id                                                   |
/// | 33..45    | place of the turn's latest earlier snapshot               |
/// | 45..77    | request id                                                |
/// | 77..81    | length of the context with the answer, in tokens          |
/// | 81..113   | context root with the answer                              |
/// | 113       | reason: 1 end token, 2 stop sequence, 3 length            |
library TurnCloseSnapshot {
    uint8 internal constant KIND = 4;
    uint256 internal constant LENGTH = 114;

    /// @notice The body is another kind of snapshot.
    error TurnCloseSnapshotWrongKind(uint8 kind);
    /// @notice The body is shorter or longer; lengths in bytes.
    error TurnCloseSnapshotWrongLength(uint256 expected, uint256 actual);

    /// @notice The fields; checks the shape first.
    function read(bytes calldata body)
        internal
        pure
        returns (bytes32 turn, bytes32 requestId, uint32 length, bytes32 contextRoot, uint8 reason)
    {
        if (body.length != LENGTH) revert TurnCloseSnapshotWrongLength(LENGTH, body.length);
        if (uint8(body[0]) != KIND) revert TurnCloseSnapshotWrongKind(uint8(body[0]));
        turn = bytes32(body[1:33]);
        requestId = bytes32(body[45:77]);
        length = uint32(bytes4(body[77:81]));
        contextRoot = bytes32(body[81:113]);
        reason = uint8(body[113]);
    }
}
