// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What a `Learn` snapshot says.
struct Learn {
    bytes32 memoryId;
    uint256 columns; // tokens that the memory counts: ids below this
    bytes orders; // context lengths, one byte each, ascending
    bytes32 salt;
    bool mayTeach; // whether the memory takes what this author teaches
    uint256 start; // no context reaches before this position
    uint256 first;
    uint256 count;
    bytes32 contextRoot;
}

/// @title LearnSnapshot
/// @notice Reads the body of a `Learn` snapshot: which positions are learnt, into which memory.
/// @dev All integers big endian. The memory's definition is of variable length.
/// | bytes     | field                                                     |
/// | 0         | snapshot kind, 3                                          |
/// | 1..33     | turn id                                                   |
/// | 33..45    | place of the turn's latest earlier snapshot               |
/// | 45..49    | definition: columns                                       |
/// | 49        | number of orders                                          |
/// | then      | orders of 1 byte, salt of 32                              |
/// | then      | number of writers of 1 byte, writers of 20, to the end of the definition |
/// | then      | start, first, count, context length, of 4 bytes each      |
/// | then      | context root of 32 bytes, to the end of the body          |
library LearnSnapshot {
    uint8 internal constant KIND = 3;
    /// @dev Positions times orders that a segment may learn.
    uint256 internal constant MOST_LEARNT = 64;
    uint256 private constant DEFINITION = 45;
    uint256 private constant MOST_COLUMNS = 1 << 18;
    uint256 private constant MOST_ORDERS = 8;
    uint256 private constant LONGEST_ORDER = 8;
    uint256 private constant MOST_WRITERS = 32;
    uint256 private constant STATED = 48; // bytes after the definition

    /// @notice A valid segment has no such snapshot, so nothing follows from it.
    error LearnSnapshotInvalid(string field);

    /// @notice Whether a snapshot is of this kind.
    function isLearn(bytes calldata body) internal pure returns (bool) {
        return body.length > 0 && uint8(body[0]) == KIND;
    }

    /// @notice The fields; reverts with `LearnSnapshotInvalid` for what is no `Learn` of a valid segment.
    /// @param author Operator whose segment it is.
    function read(bytes calldata body, address author) internal pure returns (Learn memory learn) {
        _require(body.length > DEFINITION + 5, "length");
        learn.columns = uint32(bytes4(body[DEFINITION:]));
        _require(learn.columns > 0 && learn.columns <= MOST_COLUMNS, "columns");
        uint256 orders = uint8(body[DEFINITION + 4]);
        _require(orders > 0 && orders <= MOST_ORDERS, "orders");
        uint256 cursor = DEFINITION + 5 + orders;
        _require(body.length > cursor + 32, "length");
        learn.orders = body[DEFINITION + 5:cursor];
        for (uint256 i = 0; i < orders; ++i) {
            uint256 below = i == 0 ? 0 : orderAt(learn, i - 1);
            _require(orderAt(learn, i) > below && orderAt(learn, i) <= LONGEST_ORDER, "orders");
        }
        learn.salt = bytes32(body[cursor:]);
        uint256 writers = uint8(body[cursor + 32]);
        _require(writers <= MOST_WRITERS, "writers");
        cursor += 33;
        _require(body.length == cursor + 20 * writers + STATED, "length");
        learn.mayTeach = writers == 0;
        for (uint256 end = cursor + 20 * writers; cursor < end; cursor += 20) {
            if (address(bytes20(body[cursor:])) == author) learn.mayTeach = true;
        }
        learn.memoryId = keccak256(abi.encodePacked("Weft memory", body[DEFINITION:cursor]));
        learn.start = uint32(bytes4(body[cursor:]));
        learn.first = uint32(bytes4(body[cursor + 4:]));
        learn.count = uint32(bytes4(body[cursor + 8:]));
        learn.contextRoot = bytes32(body[cursor + 16:]);
        _require(learn.first >= learn.start, "first");
        _require(learn.count > 0 && learn.count * orders <= MOST_LEARNT, "count");
    }

    /// @notice Length of the contexts of one order, by its index.
    function orderAt(Learn memory learn, uint256 index) internal pure returns (uint256) {
        return uint8(learn.orders[index]);
    }

    /// @notice Where the contexts of the learnt positions begin.
    function contextStart(Learn memory learn) internal pure returns (uint256) {
        uint256 longest = orderAt(learn, learn.orders.length - 1);
        return learn.first < learn.start + longest ? learn.start : learn.first - longest;
    }

    function _require(bool holds, string memory field) private pure {
        if (!holds) revert LearnSnapshotInvalid(field);
    }
}
