// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ICheckpointLedger} from "../../interfaces/ICheckpointLedger.sol";
import {
    Accusation,
    AccusationState,
    Answer,
    AnswerAt,
    Case,
    IInferenceCourt,
    Stage
} from "../../interfaces/IInferenceCourt.sol";
import {IOperatorRegistry, RegistryParameters} from "../../interfaces/IOperatorRegistry.sol";
import {ITurnCourt} from "../../interfaces/ITurnCourt.sol";
import {RegistryRules} from "../../libraries/RegistryRules.sol";

/// @title Accusations
/// @notice The life of accusations, whatever proves them: bonds, answers, whose move it is, and what silence means.
/// @dev INVARIANT: the token balance is the bonds of open accusations and of their undefeated answers, and what is owed (plus
/// what was sent here unasked). INVARIANT: an accusation closes once, and a bond is paid out once. INVARIANT:
/// those that are open are counted, by operator and by turn. Times are active time, so a pause extends them.
abstract contract Accusations is IInferenceCourt {
    using SafeERC20 for IERC20;

    /// @dev Places of answers beside the accused's own.
    uint8 private constant OTHERS = 4;
    /// @dev Moves of the longest game: tensor, groups, group, values, proof.
    uint256 private constant MOVES = 5;

    ICheckpointLedger internal immutable _ledger;
    IOperatorRegistry internal immutable _registry;
    IERC20 private immutable _token;
    uint256 private immutable _bond;
    uint64 private immutable _answerSeconds;
    uint64 private immutable _moveSeconds;

    /// @inheritdoc ITurnCourt
    mapping(bytes32 turn => bool) public isVoid;
    /// @inheritdoc ITurnCourt
    mapping(bytes32 turn => uint256) public openAccusations;

    mapping(bytes32 id => Accusation) private _accusations;
    mapping(bytes32 id => mapping(uint256 place => Answer)) private _answers;
    mapping(address operator => uint256) private _open;
    mapping(address account => uint256) private _credit;

    /// @param bond_ Of an answer, and of the first accusation of an operator; it covers the gas of the dearest counter-move.
    /// @param answerSeconds From the accusation to the last answer.
    /// @param moveSeconds For every move about an answer.
    constructor(ICheckpointLedger ledger_, uint256 bond_, uint32 answerSeconds, uint32 moveSeconds) {
        _ledger = ledger_;
        _registry = IOperatorRegistry(ledger_.registry());
        RegistryParameters memory p = _registry.parameters();
        _requireParameter(bond_ > 0, "bond");
        // Within one move there is then one pause at most: as long passes between two as the longest one lasts.
        _requireParameter(answerSeconds > 0 && answerSeconds <= p.longestPauseSeconds, "answerSeconds");
        _requireParameter(moveSeconds > 0 && moveSeconds <= p.longestPauseSeconds, "moveSeconds");
        // SAFETY: stakes unbond after retention and all dispute windows, so authors can still pay for what they said.
        uint256 longest = answerSeconds + MOVES * moveSeconds;
        _requireParameter(longest <= p.disputeWindowsSeconds, "disputeWindowsSeconds");
        _token = IERC20(_registry.stakeToken());
        _bond = bond_;
        _answerSeconds = answerSeconds;
        _moveSeconds = moveSeconds;
    }

    /// @inheritdoc IInferenceCourt
    function conclude(Case calldata accused, uint256[] calldata currentSet) external {
        bytes32 id = _requireOpen(accused);
        if (_fell(accused)) return _close(id, accused, AccusationState.Dropped);
        Accusation storage accusation = _accusations[id];
        uint64 activeNow = _registry.activeTime();
        uint256 places = accusation.others;
        (bool decided, bool pending, bool stood) = (false, false, false);
        for (uint256 place = 0; place <= places; ++place) {
            Answer storage given = _answers[id][place];
            Stage stage = given.stage;
            if (stage == Stage.None || stage == Stage.Defeated) continue;
            if (stage == Stage.Stood) {
                stood = true;
            } else if (activeNow < given.deadline) {
                pending = true;
            } else if (stage == Stage.TensorDemanded || stage == Stage.GroupDemanded) {
                decided = true;
                if (_defeat(id, accused, place, currentSet)) return;
            } else {
                (decided, stood) = (true, true);
                given.stage = Stage.Stood;
                emit AnswerStood(id, place, given.answerer);
            }
        }
        if (activeNow >= accusation.deadline && !pending) {
            if (stood) _close(id, accused, AccusationState.Dismissed);
            else _convict(id, accused, currentSet);
        } else if (!decided) {
            revert InferenceCourtWrongTime(activeNow, accusation.deadline);
        }
    }

    /// @inheritdoc IInferenceCourt
    function withdraw() external {
        uint256 amount = _credit[msg.sender];
        if (amount == 0) revert InferenceCourtNoCredit(msg.sender);
        _credit[msg.sender] = 0;
        emit CreditWithdrawn(msg.sender, amount);
        _token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IInferenceCourt
    function accusationOf(bytes32 id) external view returns (Accusation memory) {
        return _accusations[id];
    }

    /// @inheritdoc IInferenceCourt
    function answerOf(bytes32 id, uint256 place) external view returns (Answer memory) {
        return _answers[id][place];
    }

    /// @inheritdoc IInferenceCourt
    function answerBond() external view returns (uint256) {
        return _bond;
    }

    /// @inheritdoc IInferenceCourt
    function windows() external view returns (uint64 answerSeconds, uint64 moveSeconds) {
        return (_answerSeconds, _moveSeconds);
    }

    /// @inheritdoc IInferenceCourt
    function creditOf(address account) external view returns (uint256) {
        return _credit[account];
    }

    /// @inheritdoc ITurnCourt
    function ledger() external view returns (address) {
        return address(_ledger);
    }

    /// @inheritdoc IInferenceCourt
    function registry() external view returns (address) {
        return address(_registry);
    }

    /// @inheritdoc IInferenceCourt
    function bondOf(address operator) public view returns (uint256) {
        return _bond * (1 + _open[operator]);
    }

    /// @inheritdoc IInferenceCourt
    function idOf(bytes32 turn, uint32 position, address accuser) public view returns (bytes32) {
        return keccak256(abi.encode(address(_ledger), turn, position, accuser));
    }

    /// @dev Opens an accusation; of the case all but accuser and bond is given.
    function _accuse(Case memory accused, uint256 mostBond) internal returns (bytes32 id) {
        id = idOf(accused.turn, accused.position, msg.sender);
        Accusation storage accusation = _accusations[id];
        if (accusation.state != AccusationState.None) revert InferenceCourtAccusedBefore(id);
        accused.accuser = msg.sender;
        accused.bond = bondOf(accused.operator);
        if (accused.bond > mostBond) revert InferenceCourtBondRose(accused.bond, mostBond);
        uint64 deadline = _registry.activeTime() + _answerSeconds;
        accusation.caseHash = keccak256(abi.encode(accused));
        accusation.state = AccusationState.Open;
        accusation.deadline = deadline;
        _open[accused.operator] += 1;
        openAccusations[accused.turn] += 1;
        emit Accused(id, accused.operator, msg.sender, accused, deadline);
        _token.safeTransferFrom(msg.sender, address(this), accused.bond);
    }

    /// @dev Takes an answer by the caller. SAFETY: nobody can take the accused's place, so nobody can keep it from answering.
    function _answer(Case calldata accused, bytes32 traceRoot)
        internal
        returns (bytes32 id, uint256 place, uint64 deadline)
    {
        id = _requireOpen(accused);
        Accusation storage accusation = _accusations[id];
        _requireBefore(accusation.deadline);
        bool isOwn = msg.sender == accused.operator || _registry.operatorOfSigner(msg.sender) == accused.operator;
        if (isOwn ? _answers[id][0].stage != Stage.None : accusation.others == OTHERS) {
            revert InferenceCourtNoPlace(id);
        }
        if (!isOwn) {
            accusation.others += 1;
            place = accusation.others;
        }
        Answer storage given = _answers[id][place];
        (given.traceRoot, given.answerer) = (traceRoot, msg.sender);
        deadline = _pass(given, Stage.Answered);
        _token.safeTransferFrom(msg.sender, address(this), _bond);
    }

    /// @dev The answer, whose move is this one and still in time.
    function _move(Case calldata accused, AnswerAt calldata which, Stage stage)
        internal
        view
        returns (bytes32 id, Answer storage given)
    {
        (id, given) = _undecided(accused, which);
        if (given.stage != stage) revert InferenceCourtWrongStage(id, which.place, given.stage);
        _requireBefore(given.deadline);
    }

    /// @dev The answer, which may still be proven wrong: also when a move is missing and nobody has concluded so.
    function _undecided(Case calldata accused, AnswerAt calldata which)
        internal
        view
        returns (bytes32 id, Answer storage given)
    {
        id = _requireOpen(accused);
        given = _answers[id][which.place];
        if (given.stage == Stage.None || given.traceRoot != which.traceRoot) {
            revert InferenceCourtWrongAnswer(id, which.place, given.traceRoot);
        }
        if (given.stage == Stage.Stood || given.stage == Stage.Defeated) {
            revert InferenceCourtWrongStage(id, which.place, given.stage);
        }
    }

    /// @dev The next move is another's.
    function _pass(Answer storage given, Stage stage) internal returns (uint64 deadline) {
        deadline = _registry.activeTime() + _moveSeconds;
        (given.stage, given.deadline) = (stage, deadline);
    }

    /// @dev An answer is out, and with the accused's own the accused. Half of its bond is the accuser's.
    /// SAFETY: the other half is burnt, so that who answers its own accusation falsely, to take a place, pays.
    function _defeat(bytes32 id, Case calldata accused, uint256 place, uint256[] calldata currentSet)
        internal
        returns (bool closed)
    {
        Answer storage given = _answers[id][place];
        given.stage = Stage.Defeated;
        emit AnswerDefeated(id, place, given.answerer);
        _halve(_bond, accused.accuser);
        closed = place == 0;
        if (closed) _convict(id, accused, currentSet);
    }

    /// @dev Who was convicted before, or has no stake left, loses the turn all the same.
    function _convict(bytes32 id, Case calldata accused, uint256[] calldata currentSet) internal {
        if (_fell(accused)) return _close(id, accused, AccusationState.Dropped);
        _close(id, accused, AccusationState.Convicted);
        isVoid[accused.turn] = true;
        emit TurnVoided(accused.turn, accused.operator, accused.position);
        if (_hasStake(accused.operator)) _registry.slash(accused.operator, accused.accuser, currentSet);
    }

    function _hasStake(address operator) internal view returns (bool) {
        return RegistryRules.hasStake(_registry.operatorOf(operator).status);
    }

    /// @dev Id of an open accusation whose case this is.
    function _requireOpen(Case calldata accused) internal view returns (bytes32 id) {
        id = idOf(accused.turn, accused.position, accused.accuser);
        Accusation storage accusation = _accusations[id];
        if (accusation.state != AccusationState.Open || accusation.caseHash != keccak256(abi.encode(accused))) {
            revert InferenceCourtWrongState(id, accusation.state);
        }
    }

    /// @dev Bonds of undefeated answers go back; the accuser's too, unless it was wrong.
    function _close(bytes32 id, Case calldata accused, AccusationState state) private {
        Accusation storage accusation = _accusations[id];
        accusation.state = state;
        _open[accused.operator] -= 1;
        openAccusations[accused.turn] -= 1;
        emit AccusationClosed(id, state);
        address stood;
        uint256 places = accusation.others;
        for (uint256 place = 0; place <= places; ++place) {
            Answer storage given = _answers[id][place];
            if (given.stage == Stage.None || given.stage == Stage.Defeated) continue;
            _credit[given.answerer] += _bond;
            // Dismissed is what has nothing undecided left. The accused's own comes first.
            if (stood == address(0)) stood = given.answerer;
        }
        if (state == AccusationState.Dismissed) _halve(accused.bond, stood);
        else _credit[accused.accuser] += accused.bond;
    }

    /// @dev Half of a bond is somebody's, half is burnt.
    function _halve(uint256 bond, address winner) private {
        uint256 burnt = bond / 2;
        _credit[winner] += bond - burnt;
        ERC20Burnable(address(_token)).burn(burnt);
    }

    /// @dev What the accused signed it said all the same. But nobody has to serve what a fallen checkpoint has, so who would
    /// answer may not be able to. What a later one has of the turn may be accused there, by somebody else.
    function _fell(Case calldata accused) private view returns (bool) {
        return _ledger.checkpoint(accused.opened).fallen || _ledger.checkpoint(accused.written).fallen;
    }

    function _requireBefore(uint64 deadline) private view {
        uint64 activeNow = _registry.activeTime();
        if (activeNow >= deadline) revert InferenceCourtWrongTime(activeNow, deadline);
    }

    function _requireParameter(bool holds, string memory parameter) private pure {
        if (!holds) revert InferenceCourtInvalidParameters(parameter);
    }
}
