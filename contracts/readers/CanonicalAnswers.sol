// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorRegistry, OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {IWeftReader, Place, ProvenClose} from "../interfaces/IWeftReader.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";

/// @title CanonicalAnswers
/// @notice For contracts that act on the one answer to a request: of all that final checkpoints contain, the first.
/// @dev A claim needs a final checkpoint, and everything before that is final too. So when the window after the first
/// claim is over, whoever knew of an earlier answer has had time to show it. What a convicted operator said does not
/// count until it is acted on, whenever it was convicted: the chain does not tell which came first.
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
    /// @notice The operator was convicted.
    error AnswerVoid(address operator);
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
        if (_isConvicted(close.place)) revert AnswerVoid(close.place.operator);
        Answer storage claimed = _answers[key];
        uint64 closesAt = claimed.closesAt;
        if (closesAt == 0 || _isConvicted(claimed.close.place)) {
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

    /// @dev The canonical answer, its window over.
    function _settled(bytes32 key) internal view returns (ProvenClose memory close) {
        Answer storage claimed = _answers[key];
        // SAFETY: a zero timestamp never passes for a window that is over.
        if (claimed.closesAt == 0 || block.timestamp < claimed.closesAt) revert AnswerNotSettled(claimed.closesAt);
        close = claimed.close;
        if (_isConvicted(close.place)) revert AnswerVoid(close.place.operator);
    }

    /// @dev Whether a claim stands, settled or not.
    function _isClaimed(bytes32 key) internal view returns (bool) {
        Answer storage claimed = _answers[key];
        return claimed.closesAt != 0 && !_isConvicted(claimed.close.place);
    }

    function _isConvicted(Place memory place) private view returns (bool) {
        IOperatorRegistry registry = IOperatorRegistry(place.ledger.registry());
        return registry.operatorOf(place.operator).status == OperatorStatus.Convicted;
    }
}
