// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkpoint, CutEntry, SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";
import {IAttesterCourt} from "./IAttesterCourt.sol";
import {HeaderAt} from "./ICutCourt.sol";

/// @notice The memories after some segments of a checkpoint.
struct MemoriesAt {
    uint32 segments; // at least 1, or the segment count
    bytes32 root; // read, with the proof, only where `segments` is not the segment count
    bytes32[] traceProof; // 16 siblings from the bottom up of the trace's entry
}

/// @notice One memory among all.
struct MemoryAt {
    uint64 slot; // first 40 bits of its id
    bytes32 id;
    bytes32 rowsRoot;
    bytes32[] proof; // 40 siblings from the bottom up
}

/// @notice One row of a memory.
struct RowAt {
    uint32 row; // index of the order times 65536, plus the context's hash
    bytes32 root;
    uint64 total;
    uint32 distinct;
    bytes32[] proof; // 19 siblings from the bottom up
}

/// @notice What stands beside the path of a tile: a hash, the sum of the cells below it and how many are not zero.
struct SumNode {
    bytes32 hash;
    uint64 total;
    uint32 distinct;
}

/// @notice What is asked for; the path to it, in brackets, is that of the event.
enum Kind {
    Entry, // of the cut [slot]
    Segment, // header and signature [segment]
    Trace, // entry of the memory trace [segment]
    Snapshot, // [segment, snapshot]
    Context, // peaks of the context after a `Tokens` snapshot [segment, snapshot]
    Memory, // which one has a slot [segments before, slot]
    Row, // [segments before, slot, row]
    Tile // 64 cells of a row [segments before, slot, row, tile]
}

/// @notice What has become of a challenge.
enum State {
    None,
    Open,
    Answered, // keeps the checkpoint from being final for some time yet
    Closed
}

/// @notice What was asked for, and until when; times in seconds of active time.
struct Challenge {
    bytes32 hash; // the checkpoint's
    bytes32 root; // of the tree, or of the context, that is asked about
    uint64 number;
    uint64 index;
    Kind kind;
    uint8 depth; // of the row's tree
    State state;
    bool disputed; // whether it keeps the checkpoint from being final
    address challenger;
    uint64 deadline; // of the answer; once that is given, of whatever is to be proven by it
    uint256 bond; // in the stake token's smallest unit
}

/// @title IAvailabilityCourt
/// @notice Decides one kind of accusation: that something which a committed checkpoint contains is not served. A challenge
/// names a place, never content. Anyone may answer with what stands there and its path; if nobody does, whoever attested
/// to the checkpoint pays. It falls unless it was final when it was challenged: what is final stays, and its attesters pay
/// all the same.
interface IAvailabilityCourt is IAttesterCourt {
    /// @notice Somebody asks for something; `deadline` in active time.
    event Challenged(
        bytes32 indexed id,
        uint64 indexed number,
        bytes32 indexed hash,
        Kind kind,
        uint256[] path,
        address challenger,
        uint256 bond,
        uint64 deadline
    );
    /// @notice It was served: what, stands in the transaction.
    event Answered(bytes32 indexed id, address indexed answerer);
    /// @notice Nobody served it; `condemned` unless the checkpoint fell or was condemned meanwhile.
    event Unanswered(bytes32 indexed id, bytes32 indexed hash, bool condemned);
    /// @notice The challenge keeps the checkpoint from being final no longer.
    event Released(bytes32 indexed id);
    /// @notice Somebody took what it was owed.
    event CreditWithdrawn(address indexed account, uint256 amount);

    /// @notice A parameter is out of its range.
    error AvailabilityCourtInvalidParameters(string parameter);
    /// @notice The checkpoint has fallen or was condemned here.
    error AvailabilityCourtFallen(bytes32 hash);
    /// @notice Nobody has to serve it any more; block time in seconds.
    error AvailabilityCourtRetentionOver(uint256 since);
    /// @notice The same was asked before: it is open, or was answered.
    error AvailabilityCourtAskedBefore(bytes32 id);
    /// @notice The bond is higher than the caller agreed to pay.
    error AvailabilityCourtBondRose(uint256 bond, uint256 most);
    /// @notice What leads to the place that is asked about does not lead there.
    error AvailabilityCourtNoSuchPlace(string part);
    /// @notice The challenge is not in that state.
    error AvailabilityCourtWrongState(bytes32 id, State state);
    /// @notice The challenge asks for something else.
    error AvailabilityCourtWrongKind(bytes32 id, Kind kind);
    /// @notice That does not stand in the place that is asked about.
    error AvailabilityCourtWrongAnswer(bytes32 id);
    /// @notice Time is not yet, or no longer, there; active time in seconds.
    error AvailabilityCourtWrongTime(uint256 activeNow, uint256 deadline);
    /// @notice The account is owed nothing.
    error AvailabilityCourtNoCredit(address account);

    /// @notice Asks for a cut entry, a segment's header or an entry of the memory trace, by its index.
    /// @param mostBond What the caller pays at most; it has approved that much of the stake token. So below.
    function challenge(Checkpoint calldata checkpoint, Kind kind, uint64 index, uint256 mostBond)
        external
        returns (bytes32 id);

    /// @notice Asks for a snapshot of a segment.
    /// @param hash Of the checkpoint with this number; so below.
    function challengeSnapshot(
        uint64 number,
        bytes32 hash,
        HeaderAt calldata segment,
        uint64 snapshot,
        uint256 mostBond
    ) external returns (bytes32 id);

    /// @notice Asks for the peaks of the context after a `Tokens` snapshot.
    function challengeContext(bytes32 hash, SnapshotProof calldata snapshot, uint256 mostBond)
        external
        returns (bytes32 id);

    /// @notice Asks which memory has a slot.
    function challengeMemory(
        Checkpoint calldata checkpoint,
        MemoriesAt calldata memories,
        uint64 slot,
        uint256 mostBond
    ) external returns (bytes32 id);

    /// @notice Asks for the root and the sums of a row.
    function challengeRow(
        Checkpoint calldata checkpoint,
        MemoriesAt calldata memories,
        MemoryAt calldata memory_,
        uint32 row,
        uint256 mostBond
    ) external returns (bytes32 id);

    /// @notice Asks for 64 cells of a row.
    /// @param definition The memory's, which its id is the hash of.
    function challengeTile(
        Checkpoint calldata checkpoint,
        MemoriesAt calldata memories,
        MemoryAt calldata memory_,
        RowAt calldata row,
        bytes calldata definition,
        uint32 tile,
        uint256 mostBond
    ) external returns (bytes32 id);

    /// @notice Serves a cut entry, with 24 siblings.
    function answerEntry(bytes32 id, CutEntry calldata entry, bytes32[] calldata proof) external;

    /// @notice Serves a segment's header, with 16 siblings, and its author's signature.
    function answerSegment(
        bytes32 id,
        SegmentHeader calldata header,
        bytes calldata signature,
        bytes32[] calldata proof
    ) external;

    /// @notice Serves an entry of the memory trace, with 16 siblings.
    function answerTrace(bytes32 id, bytes32 memoryRoot, bytes32[] calldata proof) external;

    /// @notice Serves a snapshot, with 8 siblings.
    function answerSnapshot(bytes32 id, bytes16 salt, bytes calldata body, bytes32[] calldata proof) external;

    /// @notice Serves the peaks of a context, largest first.
    function answerContext(bytes32 id, bytes32[] calldata peaks) external;

    /// @notice Serves a memory's id and the root of its rows, or zeros for an empty slot, with 40 siblings.
    function answerMemory(bytes32 id, bytes32 memoryId, bytes32 rowsRoot, bytes32[] calldata proof) external;

    /// @notice Serves a row's root and sums, or zeros for an empty row, with 19 siblings.
    function answerRow(bytes32 id, bytes32 root, uint64 total, uint32 distinct, bytes32[] calldata proof) external;

    /// @notice Serves 64 cells of 4 bytes, with what stands beside their path from the bottom up.
    function answerTile(bytes32 id, bytes calldata cells, SumNode[] calldata siblings) external;

    /// @notice Condemns the checkpoint when the time to answer is over. The challenger gets its bond back.
    function conclude(bytes32 id) external;

    /// @notice Ends the time in which something may be proven by an answer, when it is over.
    function release(bytes32 id) external;

    /// @notice Pays the caller what it is owed.
    function withdraw() external;

    /// @notice A challenge; zeros where there is none.
    function challengeOf(bytes32 id) external view returns (Challenge memory);

    /// @notice What a challenge of a checkpoint costs now; in the stake token's smallest unit.
    function bondOf(bytes32 hash) external view returns (uint256);

    /// @notice What an account is owed; in the stake token's smallest unit.
    function creditOf(address account) external view returns (uint256);
}
