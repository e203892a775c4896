// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {
    Challenge,
    IAvailabilityCourt,
    Kind,
    MemoriesAt,
    MemoryAt,
    RowAt,
    SumNode
} from "../interfaces/IAvailabilityCourt.sol";
import {HeaderAt} from "../interfaces/ICutCourt.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {ContextPeaks} from "../libraries/ContextPeaks.sol";
import {MemoryDefinition} from "../libraries/MemoryDefinition.sol";
import {RowTree} from "../libraries/RowTree.sol";
import {TokensSnapshot} from "../libraries/TokensSnapshot.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, CutEntry, SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";
import {AttesterCourt} from "./AttesterCourt.sol";
import {Challenges} from "./availability/Challenges.sol";

/// @title AvailabilityCourt
/// @notice What may be asked for, and what answers it; see the interface. How challenges live is in `Challenges`.
/// @dev SAFETY: whoever holds what it has attested to can answer whatever can be asked: a place is named by opened nodes
/// that lead from the checkpoint to it, all the way down.
contract AvailabilityCourt is Challenges {
    using SafeCast for uint256;

    uint256 private constant MOST_SNAPSHOTS = 1 << WeftTree.SNAPSHOTS_DEPTH;

    constructor(ICheckpointLedger ledger_, uint256 bond_, uint32 answerSeconds, uint32 proofSeconds)
        AttesterCourt(ledger_)
        Challenges(bond_, answerSeconds, proofSeconds)
    {}

    /// @inheritdoc IAvailabilityCourt
    function challenge(Checkpoint calldata checkpoint, Kind kind, uint64 index, uint256 mostBond)
        external
        returns (bytes32)
    {
        bytes32 root = checkpoint.cutRoot;
        if (kind == Kind.Segment) root = checkpoint.segmentsRoot;
        else if (kind == Kind.Trace) root = checkpoint.memoryTraceRoot;
        else _require(kind == Kind.Entry, "kind");
        _require(index < (kind == Kind.Entry ? checkpoint.entryCount : checkpoint.segmentCount), "index");
        return _ask(checkpoint.number, _hashOf(checkpoint), kind, root, _path(index, 0, 0, 0, 1), mostBond);
    }

    /// @inheritdoc IAvailabilityCourt
    function challengeSnapshot(
        uint64 number,
        bytes32 hash,
        HeaderAt calldata segment,
        uint64 snapshot,
        uint256 mostBond
    ) external returns (bytes32) {
        bytes32 root = _ledger.checkpoint(number).segmentsRoot;
        bytes32 leaf = WeftHash.segmentLeaf(_ledger.headerHash(segment.header));
        _requireIn(WeftTree.SEGMENTS, root, leaf, segment.index, segment.proof);
        // A header that counts more than a segment may have is the cut court's.
        uint256 count = segment.header.snapshotCount;
        _require(snapshot < count && count <= MOST_SNAPSHOTS, "snapshot");
        uint256[] memory path = _path(segment.index, snapshot, 0, 0, 2);
        return _ask(number, hash, Kind.Snapshot, segment.header.snapshotsRoot, path, mostBond);
    }

    /// @inheritdoc IAvailabilityCourt
    function challengeContext(bytes32 hash, SnapshotProof calldata snapshot, uint256 mostBond)
        external
        returns (bytes32)
    {
        _require(_ledger.verifySnapshot(snapshot), "path");
        TokensSnapshot.validate(snapshot.body);
        uint256 length = uint256(TokensSnapshot.firstPosition(snapshot.body)) + TokensSnapshot.count(snapshot.body);
        _require(length > 0 && length <= ContextPeaks.MOST_TOKENS, "snapshot");
        uint256[] memory path = _path(snapshot.segmentIndex, snapshot.snapshotIndex, 0, 0, 2);
        bytes32 root = TokensSnapshot.contextRoot(snapshot.body);
        Challenge memory asked = _asked(snapshot.number, hash, Kind.Context, root, length);
        return _challenge(asked, path, mostBond);
    }

    /// @inheritdoc IAvailabilityCourt
    function challengeMemory(
        Checkpoint calldata checkpoint,
        MemoriesAt calldata memories,
        uint64 slot,
        uint256 mostBond
    ) external returns (bytes32) {
        _require(slot < 1 << WeftTree.MEMORY_DEPTH, "slot");
        bytes32 root = _memoriesRoot(checkpoint, memories);
        uint256[] memory path = _path(memories.segments, slot, 0, 0, 2);
        return _ask(checkpoint.number, _hashOf(checkpoint), Kind.Memory, root, path, mostBond);
    }

    /// @inheritdoc IAvailabilityCourt
    function challengeRow(
        Checkpoint calldata checkpoint,
        MemoriesAt calldata memories,
        MemoryAt calldata memory_,
        uint32 row,
        uint256 mostBond
    ) external returns (bytes32) {
        _require(row < 1 << WeftTree.MEMORY_ROWS_DEPTH, "row");
        _requireMemory(checkpoint, memories, memory_);
        uint256[] memory path = _path(memories.segments, memory_.slot, row, 0, 3);
        return _ask(checkpoint.number, _hashOf(checkpoint), Kind.Row, memory_.rowsRoot, path, mostBond);
    }

    /// @inheritdoc IAvailabilityCourt
    function challengeTile(
        Checkpoint calldata checkpoint,
        MemoriesAt calldata memories,
        MemoryAt calldata memory_,
        RowAt calldata row,
        bytes calldata definition,
        uint32 tile,
        uint256 mostBond
    ) external returns (bytes32) {
        _requireMemory(checkpoint, memories, memory_);
        bytes32 leaf = _rowLeaf(row.root, row.total, row.distinct);
        _requireIn(WeftTree.MEMORY_ROWS, memory_.rowsRoot, leaf, row.row, row.proof);
        _require(MemoryDefinition.defines(definition, memory_.id), "definition");
        Challenge memory asked = _asked(checkpoint.number, _hashOf(checkpoint), Kind.Tile, row.root, tile);
        asked.depth = RowTree.depthOf(definition);
        _require(tile >> asked.depth == 0, "tile");
        return _challenge(asked, _path(memories.segments, memory_.slot, row.row, tile, 4), mostBond);
    }

    /// @inheritdoc IAvailabilityCourt
    function answerEntry(bytes32 id, CutEntry calldata entry, bytes32[] calldata proof) external {
        _answerLeaf(id, Kind.Entry, WeftTree.CUT, WeftHash.cutLeaf(entry), proof);
    }

    /// @inheritdoc IAvailabilityCourt
    function answerSegment(
        bytes32 id,
        SegmentHeader calldata header,
        bytes calldata signature,
        bytes32[] calldata proof
    ) external {
        bytes32 hash = _ledger.headerHash(header);
        address signer = ECDSA.recoverCalldata(hash, signature);
        if (_registry.operatorOfSigner(signer) != header.operator || header.operator == address(0)) {
            revert AvailabilityCourtWrongAnswer(id);
        }
        _answerLeaf(id, Kind.Segment, WeftTree.SEGMENTS, WeftHash.segmentLeaf(hash), proof);
    }

    /// @inheritdoc IAvailabilityCourt
    function answerTrace(bytes32 id, bytes32 memoryRoot, bytes32[] calldata proof) external {
        _answerLeaf(id, Kind.Trace, WeftTree.MEMORY_TRACE, WeftHash.memoryTraceLeaf(memoryRoot), proof);
    }

    /// @inheritdoc IAvailabilityCourt
    function answerSnapshot(bytes32 id, bytes16 salt, bytes calldata body, bytes32[] calldata proof) external {
        _answerLeaf(id, Kind.Snapshot, WeftTree.SNAPSHOTS, WeftHash.snapshotLeaf(salt, body), proof);
    }

    /// @inheritdoc IAvailabilityCourt
    function answerContext(bytes32 id, bytes32[] calldata peaks) external {
        Challenge memory asked = _requireAsked(id, Kind.Context);
        bool isThere =
            ContextPeaks.fits(asked.index, peaks.length) && ContextPeaks.root(asked.index, peaks) == asked.root;
        _answer(id, asked, isThere);
    }

    /// @inheritdoc IAvailabilityCourt
    function answerMemory(bytes32 id, bytes32 memoryId, bytes32 rowsRoot, bytes32[] calldata proof) external {
        bytes32 leaf = memoryId == 0 ? WeftTree.emptyLeaf(WeftTree.MEMORY) : _memoryLeaf(memoryId, rowsRoot);
        _answerLeaf(id, Kind.Memory, WeftTree.MEMORY, leaf, proof);
    }

    /// @inheritdoc IAvailabilityCourt
    function answerRow(bytes32 id, bytes32 root, uint64 total, uint32 distinct, bytes32[] calldata proof) external {
        bytes32 leaf = root == 0 ? WeftTree.emptyLeaf(WeftTree.MEMORY_ROWS) : _rowLeaf(root, total, distinct);
        _answerLeaf(id, Kind.Row, WeftTree.MEMORY_ROWS, leaf, proof);
    }

    /// @inheritdoc IAvailabilityCourt
    function answerTile(bytes32 id, bytes calldata cells, SumNode[] calldata siblings) external {
        Challenge memory asked = _requireAsked(id, Kind.Tile);
        bool isThere = cells.length == RowTree.TILE_BYTES && siblings.length == asked.depth
            && RowTree.rootOf(cells, asked.index, siblings) == asked.root;
        _answer(id, asked, isThere);
    }

    function _answerLeaf(bytes32 id, Kind kind, uint8 tree, bytes32 leaf, bytes32[] calldata proof) private {
        Challenge memory asked = _requireAsked(id, kind);
        _answer(id, asked, WeftTree.verify(tree, asked.root, leaf, asked.index, proof));
    }

    /// @dev Asks for the leaf that the last part of the path is the index of.
    function _ask(
        uint64 number,
        bytes32 hash,
        Kind kind,
        bytes32 root,
        uint256[] memory path,
        uint256 mostBond
    ) private returns (bytes32) {
        return _challenge(_asked(number, hash, kind, root, path[path.length - 1]), path, mostBond);
    }

    function _asked(uint64 number, bytes32 hash, Kind kind, bytes32 root, uint256 index)
        private
        pure
        returns (Challenge memory asked)
    {
        (asked.number, asked.hash, asked.kind, asked.root) = (number, hash, kind, root);
        asked.index = index.toUint64();
    }

    /// @dev The root of the memories that are named.
    function _memoriesRoot(Checkpoint calldata checkpoint, MemoriesAt calldata memories)
        private
        pure
        returns (bytes32)
    {
        if (memories.segments == checkpoint.segmentCount) return checkpoint.memoryRoot;
        _require(memories.segments > 0 && memories.segments < checkpoint.segmentCount, "segments");
        bytes32 leaf = WeftHash.memoryTraceLeaf(memories.root);
        _requireIn(
            WeftTree.MEMORY_TRACE, checkpoint.memoryTraceRoot, leaf, memories.segments - 1, memories.traceProof
        );
        return memories.root;
    }

    function _requireMemory(
        Checkpoint calldata checkpoint,
        MemoriesAt calldata memories,
        MemoryAt calldata memory_
    ) private pure {
        bytes32 root = _memoriesRoot(checkpoint, memories);
        bytes32 leaf = _memoryLeaf(memory_.id, memory_.rowsRoot);
        _requireIn(WeftTree.MEMORY, root, leaf, memory_.slot, memory_.proof);
    }

    function _memoryLeaf(bytes32 id, bytes32 rowsRoot) private pure returns (bytes32) {
        return WeftTree.leaf(WeftTree.MEMORY, abi.encodePacked(id, rowsRoot));
    }

    function _rowLeaf(bytes32 root, uint64 total, uint32 distinct) private pure returns (bytes32) {
        return WeftTree.leaf(WeftTree.MEMORY_ROWS, abi.encodePacked(root, total, distinct));
    }

    /// @dev The first `length` of these.
    function _path(uint256 a, uint256 b, uint256 c, uint256 d, uint256 length)
        private
        pure
        returns (uint256[] memory path)
    {
        path = new uint256[](length);
        path[0] = a;
        if (length > 1) path[1] = b;
        if (length > 2) path[2] = c;
        if (length > 3) path[3] = d;
    }

    function _requireIn(uint8 kind, bytes32 root, bytes32 leaf, uint256 index, bytes32[] calldata proof) private pure {
        _require(WeftTree.verify(kind, root, leaf, index, proof), "path");
    }

    function _require(bool holds, string memory part) private pure {
        if (!holds) revert AvailabilityCourtNoSuchPlace(part);
    }
}
