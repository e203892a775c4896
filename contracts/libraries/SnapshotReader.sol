// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ByteReader, Cursor} from "./ByteReader.sol";
import {OpenSnapshot, OpenedTurn} from "./OpenSnapshot.sol";

/// @notice What a snapshot of any kind says, as far as another one is judged by it. Positions and lengths in tokens.
struct Said {
    uint8 kind;
    bytes32 turn; // zero of one that opens a turn
    uint256 previousSequence; // place of the turn's latest earlier snapshot
    uint256 previousIndex;
    uint256 first; // of `Tokens` and `Learn`
    uint256 count; // of `Tokens` and `Learn`
    uint8 choice; // of `Tokens` given, carried or written; of `TurnClose` the reason
    uint256 ids; // offset of the token ids in the body
    uint256 orders; // of `Learn`, how many
    uint256 start; // of `Learn`, where the turn's own tokens begin
    bytes32 requestId; // of `TurnClose`
    uint256 length; // of the context after it
    bytes32 root; // of the context after it
}

/// @title SnapshotReader
/// @notice Reads snapshots of all kinds, and tells what has none of their encodings.
library SnapshotReader {
    using ByteReader for Cursor;

    uint8 internal constant OPEN = 1;
    uint8 internal constant TOKENS = 2;
    uint8 internal constant LEARN = 3;
    uint8 internal constant CLOSE = 4;
    uint8 internal constant GIVEN = 1;
    uint8 internal constant CARRIED = 2;
    uint8 internal constant WRITTEN = 3;
    /// @dev A close for the length that was asked for.
    uint8 internal constant BY_LENGTH = 3;
    uint256 private constant MOST_BYTES = 64 * 1024;
    uint256 private constant MOST_IDS = 1024;
    uint256 private constant MOST_COLUMNS = 1 << 18;
    uint256 private constant MOST_ORDERS = 8;
    uint256 private constant LONGEST_ORDER = 8;
    uint256 private constant MOST_WRITERS = 32;

    /// @notice Whether a body is that of a snapshot which opens a turn, as far as its kind goes.
    function opens(bytes calldata body) internal pure returns (bool) {
        return body.length > 0 && uint8(body[0]) == OPEN;
    }

    /// @notice What a body says; `wellFormed` is false for what no valid segment contains, whatever stands beside it.
    /// @dev Of the stop sequences of a request it is not asked whether they are UTF-8.
    function read(bytes calldata body) internal pure returns (bool wellFormed, Said memory said) {
        Cursor memory cursor;
        said.kind = uint8(cursor.uintOf(body, 1));
        if (said.kind == OPEN) {
            OpenedTurn memory opened;
            (wellFormed, opened) = OpenSnapshot.read(body);
            if (wellFormed) (said.length, said.root) = (opened.start, OpenSnapshot.startRoot(opened));
            return (wellFormed, said);
        }
        said.turn = cursor.word(body);
        said.previousSequence = cursor.counter(body);
        said.previousIndex = cursor.uintOf(body, 4);
        if (said.kind == TOKENS) _readTokens(cursor, body, said);
        else if (said.kind == LEARN) _readLearn(cursor, body, said);
        else if (said.kind == CLOSE) _readClose(cursor, body, said);
        else cursor.bad = true;
        wellFormed = !cursor.bad && cursor.offset == body.length && body.length <= MOST_BYTES;
    }

    function _readTokens(Cursor memory cursor, bytes calldata body, Said memory said) private pure {
        said.first = cursor.uintOf(body, 4);
        said.choice = uint8(cursor.choice(body, WRITTEN));
        said.root = cursor.hash(body);
        cursor.hash(body); // digest of the rows
        said.count = cursor.uintOf(body, 4);
        if (said.choice == 0 || said.count == 0 || said.count > MOST_IDS) cursor.bad = true;
        said.ids = cursor.offset;
        said.length = said.first + said.count;
        cursor.skip(body, 4 * said.count);
    }

    function _readLearn(Cursor memory cursor, bytes calldata body, Said memory said) private pure {
        uint256 columns = cursor.uintOf(body, 4);
        said.orders = cursor.uintOf(body, 1);
        if (columns == 0 || columns > MOST_COLUMNS || said.orders == 0 || said.orders > MOST_ORDERS) {
            cursor.bad = true;
            return;
        }
        _ascend(cursor, body, said.orders, 1, LONGEST_ORDER);
        cursor.word(body); // salt
        _ascend(cursor, body, cursor.choice(body, MOST_WRITERS), 20, type(uint160).max);
        said.start = cursor.uintOf(body, 4);
        said.first = cursor.uintOf(body, 4);
        said.count = cursor.uintOf(body, 4);
        said.length = cursor.uintOf(body, 4);
        said.root = cursor.hash(body);
    }

    function _readClose(Cursor memory cursor, bytes calldata body, Said memory said) private pure {
        said.requestId = cursor.word(body);
        said.length = cursor.uintOf(body, 4);
        said.root = cursor.hash(body);
        said.choice = uint8(cursor.choice(body, BY_LENGTH));
        if (said.choice == 0) cursor.bad = true;
    }

    /// @dev Integers of `width` bytes that ascend strictly up to `most`. Orders begin at 1; a writer may be zero.
    function _ascend(Cursor memory cursor, bytes calldata body, uint256 count, uint256 width, uint256 most)
        private
        pure
    {
        uint256 before = 0;
        for (uint256 i = 0; i < count && !cursor.bad; ++i) {
            uint256 value = cursor.uintOf(body, width);
            bool ascends = value > before || (i == 0 && width > 1);
            if (!ascends || value > most) cursor.bad = true;
            before = value;
        }
    }
}
