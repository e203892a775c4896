// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICutCourt} from "../../interfaces/ICutCourt.sol";
import {ContextPeaks} from "../../libraries/ContextPeaks.sol";
import {OpenedTurn, OpenSnapshot} from "../../libraries/OpenSnapshot.sol";
import {Said, SnapshotReader} from "../../libraries/SnapshotReader.sol";
import {WeftHash} from "../../libraries/WeftHash.sol";
import {SegmentHeader, SnapshotProof} from "../../libraries/WeftTypes.sol";
import {CutCase} from "./CutCase.sol";

/// @title CutSnapshots
/// @notice Accusations of what segments say: a snapshot that breaks a rule alone, or beside an earlier one of its turn.
/// @dev SAFETY: below a checkpoint that stands, all that stand are its ancestors; so the two are of one history of their
/// track, in which a place has one snapshot. What has fallen meanwhile is no witness.
abstract contract CutSnapshots is CutCase {
    uint256 private constant MOST_LEARNT = 64;

    /// @inheritdoc ICutCourt
    function proveSnapshot(bytes32 hash, SnapshotProof calldata snapshot) external {
        _requireSaid(snapshot);
        (bool wellFormed, Said memory said) = SnapshotReader.read(snapshot.body);
        bool told = !wellFormed;
        if (wellFormed && said.kind == SnapshotReader.OPEN) {
            (, OpenedTurn memory opened) = OpenSnapshot.read(snapshot.body);
            told = !OpenSnapshot.isValid(opened);
        } else if (wellFormed) {
            told = _breaksAlone(snapshot, said);
        }
        _judge(hash, snapshot.number, Lie.Snapshot, snapshot.segmentIndex, told);
    }

    /// @inheritdoc ICutCourt
    function proveSuccession(
        bytes32 hash,
        SnapshotProof calldata later,
        SnapshotProof calldata earlier,
        bytes32[] calldata peaks
    ) external {
        (Said memory said, Said memory before) = _openTwo(later, earlier);
        _require(said.previousSequence == earlier.header.sequence, "previous");
        bool told = said.previousIndex >= earlier.header.snapshotCount;
        if (!told) {
            _require(said.previousIndex == earlier.snapshotIndex, "previous");
            bytes32 turn = before.kind == SnapshotReader.OPEN ? _turnAt(earlier) : before.turn;
            told = said.turn != turn || before.kind == SnapshotReader.CLOSE || !_follows(said, before);
        }
        if (!told && peaks.length > 0) told = !_appends(later.body, said, before, peaks);
        _judge(hash, later.number, Lie.Snapshot, later.segmentIndex, told);
    }

    /// @inheritdoc ICutCourt
    function proveRequest(bytes32 hash, SnapshotProof calldata later, SnapshotProof calldata open) external {
        (Said memory said, Said memory before) = _openTwo(later, open);
        _require(before.kind == SnapshotReader.OPEN && said.turn == _turnAt(open), "open");
        (, OpenedTurn memory opened) = OpenSnapshot.read(open.body);
        bool told;
        if (said.kind == SnapshotReader.TOKENS) told = !_isInItsZone(said, opened);
        else if (said.kind == SnapshotReader.LEARN) told = said.start != opened.start;
        else told = !_answers(said, opened);
        _judge(hash, later.number, Lie.Snapshot, later.segmentIndex, told);
    }

    /// @inheritdoc ICutCourt
    function proveTwins(bytes32 hash, SnapshotProof calldata snapshot, SnapshotProof calldata twin) external {
        (Said memory a, Said memory b) = _openTwo(snapshot, twin);
        bool isSame = snapshot.header.sequence == twin.header.sequence && snapshot.snapshotIndex == twin.snapshotIndex;
        _require(!isSame, "twins");
        bool told = b.kind != SnapshotReader.OPEN && a.turn == b.turn && a.previousSequence == b.previousSequence
            && a.previousIndex == b.previousIndex;
        _judge(hash, snapshot.number, Lie.Snapshot, snapshot.segmentIndex, told);
    }

    /// @dev Two well-formed snapshots of one track, of which the first does not open a turn.
    function _openTwo(SnapshotProof calldata later, SnapshotProof calldata earlier)
        private
        view
        returns (Said memory said, Said memory before)
    {
        _requireSaid(later);
        _requireSaid(earlier);
        bool isAncestor = earlier.number < later.number && !_ledger.checkpoint(earlier.number).fallen;
        _require(isAncestor || earlier.number == later.number, "number");
        SegmentHeader calldata a = later.header;
        SegmentHeader calldata b = earlier.header;
        _require(a.operator == b.operator && a.incarnation == b.incarnation, "track");
        bool wellFormed;
        (wellFormed, said) = SnapshotReader.read(later.body);
        _require(wellFormed && said.kind != SnapshotReader.OPEN, "later");
        (wellFormed, before) = SnapshotReader.read(earlier.body);
        _require(wellFormed, "earlier");
    }

    function _requireSaid(SnapshotProof calldata snapshot) private view {
        _require(_ledger.verifySnapshot(snapshot), "path");
    }

    function _turnAt(SnapshotProof calldata open) private pure returns (bytes32) {
        bytes32 track = WeftHash.trackId(open.header.operator, open.header.incarnation);
        return WeftHash.turnId(track, open.header.sequence, open.snapshotIndex);
    }

    /// @dev Of one that does not open a turn.
    function _breaksAlone(SnapshotProof calldata snapshot, Said memory said) private pure returns (bool) {
        SegmentHeader calldata header = snapshot.header;
        bool isBefore = said.previousSequence < header.sequence
            || (said.previousSequence == header.sequence && said.previousIndex < snapshot.snapshotIndex);
        if (said.previousSequence == 0 || !isBefore) return true;
        return said.kind == SnapshotReader.LEARN
            && (snapshot.snapshotIndex + 1 < header.snapshotCount
                || said.count == 0
                || said.count * said.orders > MOST_LEARNT);
    }

    /// @dev Whether a snapshot goes on from the one before it, which is not a close, but for its tokens.
    function _follows(Said memory said, Said memory before) private pure returns (bool) {
        bool hasWritten = before.kind == SnapshotReader.LEARN
            || (before.kind == SnapshotReader.TOKENS && before.choice == SnapshotReader.WRITTEN);
        if (said.kind == SnapshotReader.TOKENS) {
            return said.first == before.length && !(hasWritten && said.choice == SnapshotReader.CARRIED);
        }
        if (said.length != before.length || said.root != before.root) return false;
        if (said.kind == SnapshotReader.CLOSE) return true;
        return hasWritten && before.kind == SnapshotReader.TOKENS && said.first >= before.first
            && said.first + said.count <= before.length;
    }

    /// @dev Whether tokens, appended to the context before them, give the root that is stated.
    function _appends(bytes calldata body, Said memory said, Said memory before, bytes32[] calldata peaks)
        private
        pure
        returns (bool)
    {
        _require(said.kind == SnapshotReader.TOKENS, "tokens");
        _require(ContextPeaks.fits(before.length, peaks.length), "peaks");
        _require(ContextPeaks.root(before.length, peaks) == before.root, "peaks");
        if (said.length > ContextPeaks.MOST_TOKENS) return false;
        bytes calldata ids = body[said.ids:said.ids + 4 * said.count];
        return ContextPeaks.rootAfter(before.length, peaks, ids) == said.root;
    }

    /// @dev Whether tokens are of the kind that the request has at their positions, and end where it lets them.
    function _isInItsZone(Said memory said, OpenedTurn memory opened) private pure returns (bool) {
        if (!OpenSnapshot.passes(opened, said.length, said.root)) return false;
        uint256 given = opened.request.lengthBefore;
        uint256 answer = opened.request.lengthAfter;
        if (said.first < given) return said.choice == SnapshotReader.CARRIED && said.length <= given;
        if (said.first < answer) return said.choice == SnapshotReader.GIVEN && said.length <= answer;
        return said.choice != SnapshotReader.GIVEN && said.length <= OpenSnapshot.mostTokens(opened);
    }

    /// @dev Whether a close is one of the request.
    function _answers(Said memory said, OpenedTurn memory opened) private pure returns (bool) {
        if (said.requestId != opened.requestId || said.length <= opened.request.lengthAfter) return false;
        return said.choice != SnapshotReader.BY_LENGTH || said.length == OpenSnapshot.mostTokens(opened);
    }
}
