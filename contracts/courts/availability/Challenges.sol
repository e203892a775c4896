// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Challenge, IAvailabilityCourt, Kind, State} from "../../interfaces/IAvailabilityCourt.sol";
import {CheckpointRecord} from "../../interfaces/ICheckpointLedger.sol";
import {RegistryParameters} from "../../interfaces/IOperatorRegistry.sol";
import {AttesterCourt} from "../AttesterCourt.sol";

/// @title Challenges
/// @notice The life of challenges, whatever they ask for: bonds, deadlines, disputes.
/// @dev INVARIANT: the token balance is the bonds of open challenges and what is owed (plus what was sent here unasked).
/// INVARIANT: a challenge pays out its bond once, when it is no longer open. INVARIANT: a dispute that was opened here is
/// closed here once. Times are active time, so a pause extends them.
abstract contract Challenges is IAvailabilityCourt, AttesterCourt {
    using SafeERC20 for IERC20;

    IERC20 private immutable _token;
    uint256 private immutable _bond;
    uint64 private immutable _answerSeconds;
    uint64 private immutable _proofSeconds;
    uint64 private immutable _retentionSeconds;

    mapping(bytes32 id => Challenge) private _challenges;
    mapping(bytes32 hash => uint256) private _open;
    mapping(address account => uint256) private _credit;

    /// @param bond_ Of the first challenge of a checkpoint; it covers the gas of the dearest answer.
    /// @param answerSeconds From challenge to answer.
    /// @param proofSeconds From answer to what is proven by it in another court.
    constructor(uint256 bond_, uint32 answerSeconds, uint32 proofSeconds) {
        RegistryParameters memory p = _registry.parameters();
        _requireParameter(bond_ > 0, "bond");
        // Within one answer there is then one pause at most: as long passes between two as the longest one lasts.
        _requireParameter(answerSeconds > 0 && answerSeconds <= p.longestPauseSeconds, "answerSeconds");
        _requireParameter(proofSeconds > 0, "proofSeconds");
        // SAFETY: stakes unbond after retention and all dispute windows, so attesters can still pay for a silence.
        _requireParameter(uint256(answerSeconds) + proofSeconds <= p.disputeWindowsSeconds, "disputeWindowsSeconds");
        _token = IERC20(_registry.stakeToken());
        _bond = bond_;
        _answerSeconds = answerSeconds;
        _proofSeconds = proofSeconds;
        _retentionSeconds = p.retentionSeconds;
    }

    /// @inheritdoc IAvailabilityCourt
    function conclude(bytes32 id) external {
        Challenge memory asked = _requireState(id, State.Open);
        uint64 activeNow = _registry.activeTime();
        if (activeNow < asked.deadline) revert AvailabilityCourtWrongTime(activeNow, asked.deadline);
        _pay(id, asked, asked.challenger, State.Closed);
        // Whoever fell meanwhile, for whatever reason, has no history that must be served.
        bool told = !condemned[asked.hash] && !_ledger.checkpoint(asked.number).fallen;
        emit Unanswered(id, asked.hash, told);
        if (told && asked.disputed) _condemn(asked.number, asked.hash);
        else if (told) _condemnFinal(asked.number, asked.hash);
        // Only now: without a dispute it might have been final, and would have stood.
        if (asked.disputed) _ledger.closeDispute(asked.number, asked.hash);
    }

    /// @inheritdoc IAvailabilityCourt
    function release(bytes32 id) external {
        Challenge memory asked = _requireState(id, State.Answered);
        uint64 activeNow = _registry.activeTime();
        if (activeNow < asked.deadline) revert AvailabilityCourtWrongTime(activeNow, asked.deadline);
        _challenges[id].state = State.Closed;
        emit Released(id);
        _ledger.closeDispute(asked.number, asked.hash);
    }

    /// @inheritdoc IAvailabilityCourt
    function withdraw() external {
        uint256 amount = _credit[msg.sender];
        if (amount == 0) revert AvailabilityCourtNoCredit(msg.sender);
        _credit[msg.sender] = 0;
        emit CreditWithdrawn(msg.sender, amount);
        _token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IAvailabilityCourt
    function challengeOf(bytes32 id) external view returns (Challenge memory) {
        return _challenges[id];
    }

    /// @inheritdoc IAvailabilityCourt
    function creditOf(address account) external view returns (uint256) {
        return _credit[account];
    }

    /// @inheritdoc IAvailabilityCourt
    function bondOf(bytes32 hash) public view returns (uint256) {
        return _bond * (1 + _open[hash]);
    }

    /// @dev Opens a challenge; of `asked` the checkpoint, kind, root, index and depth are given.
    function _challenge(Challenge memory asked, uint256[] memory path, uint256 mostBond) internal returns (bytes32 id) {
        id = keccak256(abi.encode(asked.hash, asked.kind, path));
        if (_challenges[id].state != State.None) revert AvailabilityCourtAskedBefore(id);
        asked.disputed = _requireServed(asked.number, asked.hash);
        asked.bond = bondOf(asked.hash);
        if (asked.bond > mostBond) revert AvailabilityCourtBondRose(asked.bond, mostBond);
        asked.challenger = msg.sender;
        asked.deadline = _registry.activeTime() + _answerSeconds;
        asked.state = State.Open;
        _challenges[id] = asked;
        _open[asked.hash] += 1;
        emit Challenged(
            id, asked.number, asked.hash, asked.kind, path, msg.sender, asked.bond, asked.deadline
        );
        if (asked.disputed) _ledger.openDispute(asked.number, asked.hash);
        _token.safeTransferFrom(msg.sender, address(this), asked.bond);
    }

    /// @dev An open challenge of this kind whose time to answer is not over.
    function _requireAsked(bytes32 id, Kind kind) internal view returns (Challenge memory asked) {
        asked = _requireState(id, State.Open);
        if (asked.kind != kind) revert AvailabilityCourtWrongKind(id, asked.kind);
        uint64 activeNow = _registry.activeTime();
        if (activeNow >= asked.deadline) revert AvailabilityCourtWrongTime(activeNow, asked.deadline);
    }

    /// @dev The caller has served it if `isThere`: it gets the bond, and others time to prove something by it.
    function _answer(bytes32 id, Challenge memory asked, bool isThere) internal {
        if (!isThere) revert AvailabilityCourtWrongAnswer(id);
        _pay(id, asked, msg.sender, asked.disputed ? State.Answered : State.Closed);
        _challenges[id].deadline = _registry.activeTime() + _proofSeconds;
        emit Answered(id, msg.sender);
    }

    /// @dev What is final stands, so nothing falls; who attested to it may be convicted all the same.
    function _condemnFinal(uint64 number, bytes32 hash) private {
        condemned[hash] = true;
        emit CheckpointCondemned(number, hash);
    }

    function _pay(bytes32 id, Challenge memory asked, address to, State state) private {
        _challenges[id].state = state;
        _open[asked.hash] -= 1;
        _credit[to] += asked.bond;
    }

    /// @dev The checkpoint has to be served; whether it is not final yet.
    function _requireServed(uint64 number, bytes32 hash) private view returns (bool) {
        CheckpointRecord memory record = _ledger.checkpoint(number);
        if (record.hash != hash) revert AttesterCourtUnknownCheckpoint(number, record.hash, hash);
        // Nobody attested to checkpoint 0, which is empty.
        if (number == 0) revert AvailabilityCourtNoSuchPlace("number");
        if (record.fallen || condemned[hash]) revert AvailabilityCourtFallen(hash);
        // Block time: whoever counts in active time keeps it longer.
        uint256 until = uint256(record.committedAt) + _retentionSeconds;
        if (block.timestamp >= until) revert AvailabilityCourtRetentionOver(until);
        return !_ledger.isFinal(number);
    }

    function _requireState(bytes32 id, State state) private view returns (Challenge memory asked) {
        asked = _challenges[id];
        if (asked.state != state) revert AvailabilityCourtWrongState(id, asked.state);
    }

    function _requireParameter(bool holds, string memory parameter) private pure {
        if (!holds) revert AvailabilityCourtInvalidParameters(parameter);
    }
}
