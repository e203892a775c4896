// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorRegistry, OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {ITurnCourt} from "../interfaces/ITurnCourt.sol";
import {IWeftReader, ProvenClose} from "../interfaces/IWeftReader.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";

/// @title CanonicalAnswers
/// @notice For contracts that act on the one answer to a request: of all that final checkpoints contain, the first.
/// @dev A claim needs a final checkpoint, and everything before that is final too. So when the window after the first
/// claim is over, whoever knew of an earlier answer has had time to show it, and whoever computed it again to accuse it. What
/// a convicted operator said does not count until it is acted on, whenever it was convicted: the chain does not tell which
/// came first. An answer that is accused waits for its court: who accuses it in vain pays for the delay.
abstract contract CanonicalAnswers {
    struct Answer {
        ProvenClose close;
        uint64 closesAt; // block time; zero without a claim
    }

    IWeftReader internal immutable _reader;
    uint32 internal immutable _claimWindow; // seconds
    mapping(bytes32 key => Answer) private _answers;

    /// @notice A claim was shown; it counts from `closesAt` on unless an earlier answer is shown until then.
    event AnswerClaimed(
        bytes32 indexed key, bytes32 indexed turn, address indexed operator, uint256 order, uint64 closesAt
    );

    /// @notice The turn answers another request.
    error AnswerToAnotherRequest(bytes32 expected, bytes32 actual);
    /// @notice An answer that comes first, or this one, was claimed.
    error AnswerNotFirst(uint256 claimed, uint256 order);
    /// @notice The operator was convicted, or the turn is void.
    error AnswerVoid(address operator);
    /// @notice Accusations of tokens of the turn are open.
    error AnswerAccused(bytes32 turn, uint256 open);
    /// @notice The ledger has named no court that could say whether a turn is void.
    error AnswerWithoutCourt(address ledger);
    /// @notice The claim window is over; block time in seconds.
    error AnswerTooLate(uint64 closedAt);
    /// @notice There is no claim, or its window runs until then; block time in seconds.
    error AnswerNotSettled(uint64 closesAt);
    /// @notice Without a window nobody could show an earlier answer.
    error AnswerWindowZero();

    constructor(IWeftReader reader_, uint32 claimWindow_) {
        if (claimWindow_ == 0) revert AnswerWindowZero();
        _reader = reader_;
        _claimWindow = claimWindow_;
    }

    /// @notice The answer that was claimed for a key, zeros without one.
    function answerOf(bytes32 key) external view returns (Answer memory) {
        return _answers[key];
    }

    /// @dev Takes the proof of a `TurnClose`. The first claim opens the window; an earlier answer replaces it within.
    function _claim(bytes32 key, bytes32 requestId, SnapshotProof calldata proof)
        internal
        returns (ProvenClose memory close)
    {
        close = _reader.proveClose(proof);
        if (close.requestId != requestId) revert AnswerToAnotherRequest(requestId, close.requestId);
        if (_isVoid(close)) revert AnswerVoid(close.place.operator);
        Answer storage claimed = _answers[key];
        uint64 closesAt = claimed.closesAt;
        if (closesAt == 0 || _isVoid(claimed.close)) {
            closesAt = uint64(block.timestamp) + _claimWindow;
        } else {
            if (block.timestamp >= closesAt) revert AnswerTooLate(closesAt);
            if (close.place.order >= claimed.close.place.order) {
                revert AnswerNotFirst(claimed.close.place.order, close.place.order);
            }
        }
        _answers[key] = Answer(close, closesAt);
        emit AnswerClaimed(key, close.turn, close.place.operator, close.place.order, closesAt);
    }

    /// @dev The canonical answer, its window over and no accusation open.
    function _settled(bytes32 key) internal view returns (ProvenClose memory close) {
        Answer storage claimed = _answers[key];
        // SAFETY: a zero timestamp never passes for a window that is over.
        if (claimed.closesAt == 0 || block.timestamp < claimed.closesAt) revert AnswerNotSettled(claimed.closesAt);
        close = claimed.close;
        if (_isVoid(close)) revert AnswerVoid(close.place.operator);
        uint256 open = _courtOf(close).openAccusations(close.turn);
        if (open > 0) revert AnswerAccused(close.turn, open);
    }

    /// @dev Whether a claim stands, settled or not.
    function _isClaimed(bytes32 key) internal view returns (bool) {
        Answer storage claimed = _answers[key];
        return claimed.closesAt != 0 && !_isVoid(claimed.close);
    }

    /// @dev A turn can be void though its operator had left before, with nothing to lose.
    function _isVoid(ProvenClose memory close) private view returns (bool) {
        IOperatorRegistry registry = IOperatorRegistry(close.place.ledger.registry());
        return registry.operatorOf(close.place.operator).status == OperatorStatus.Convicted
            || _courtOf(close).isVoid(close.turn);
    }

    /// @dev SAFETY: of a turn's own ledger, for in the domain of another one the same turn may say something else.
    function _courtOf(ProvenClose memory close) private view returns (ITurnCourt) {
        address court = close.place.ledger.turnCourt();
        if (court == address(0)) revert AnswerWithoutCourt(address(close.place.ledger));
        return ITurnCourt(court);
    }
}
