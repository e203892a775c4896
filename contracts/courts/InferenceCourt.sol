// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {
    Answer,
    AnswerAt,
    Case,
    ElementProof,
    IInferenceCourt,
    NoPassProof,
    OpAt,
    SampleProof,
    Stage
} from "../interfaces/IInferenceCourt.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";
import {Operands} from "../libraries/model/Operands.sol";
import {TraceTree} from "../libraries/model/TraceTree.sol";
import {Accusations} from "./inference/Accusations.sol";
import {AccusedExaminer} from "./inference/AccusedExaminer.sol";
import {ElementExaminer} from "./inference/ElementExaminer.sol";
import {SampleExaminer} from "./inference/SampleExaminer.sol";

/// @title InferenceCourt
/// @notice What is said about accusations; see the interface. How they live is in `Accusations`; who may be accused of what,
/// and what proves it, is with the examiners.
contract InferenceCourt is Accusations {
    using Address for address;
    using SafeCast for uint256;

    AccusedExaminer private immutable _subjects;
    ElementExaminer private immutable _elements;
    SampleExaminer private immutable _samples;
    address private immutable _models;
    uint64 private immutable _retentionSeconds;

    constructor(
        ICheckpointLedger ledger_,
        AccusedExaminer subjects,
        ElementExaminer elements,
        SampleExaminer samples,
        uint256 bond_,
        uint32 answerSeconds,
        uint32 moveSeconds
    ) Accusations(ledger_, bond_, answerSeconds, moveSeconds) {
        address known = elements.models();
        bool areOne = samples.models() == known && subjects.models() == known;
        bool areIts = elements.ledger() == address(ledger_) && samples.ledger() == address(ledger_)
            && subjects.ledger() == address(ledger_);
        if (!areOne || !areIts) revert InferenceCourtInvalidParameters("examiners");
        (_subjects, _elements, _samples, _models) = (subjects, elements, samples, known);
        _retentionSeconds = _registry.parameters().retentionSeconds;
    }

    /// @inheritdoc IInferenceCourt
    function accuse(
        SnapshotProof calldata,
        bytes calldata,
        SnapshotProof calldata,
        bytes calldata,
        uint32,
        uint256 mostBond
    ) external returns (bytes32 id, Case memory accused) {
        accused = abi.decode(_examined(address(_subjects)), (Case));
        // Block time: whoever counts in active time keeps it longer.
        uint256 until = uint256(_ledger.checkpoint(accused.written).committedAt) + _retentionSeconds;
        if (block.timestamp >= until) revert InferenceCourtRetentionOver(until);
        if (isVoid[accused.turn]) revert InferenceCourtVoid(accused.turn);
        if (!_hasStake(accused.operator)) revert InferenceCourtNotSlashable(accused.operator);
        id = _accuse(accused, mostBond);
    }

    /// @inheritdoc IInferenceCourt
    function answer(Case calldata accused, bytes32[] calldata tensorRoots) external returns (uint256 place) {
        if (tensorRoots.length != accused.tensors) {
            revert InferenceCourtWrongLength(accused.tensors, tensorRoots.length);
        }
        bytes32 root = TraceTree.traceRoot(tensorRoots);
        bytes32 id;
        uint64 deadline;
        (id, place, deadline) = _answer(accused, root);
        emit AnswerGiven(id, place, root, msg.sender, tensorRoots, deadline);
    }

    /// @inheritdoc IInferenceCourt
    function demandTensor(Case calldata accused, AnswerAt calldata which, uint16 tensor) external {
        (bytes32 id, Answer storage given) = _move(accused, which, Stage.Answered);
        _requireAccuser(accused);
        if (tensor >= accused.tensors) revert InferenceCourtOutOfRange(tensor, accused.tensors);
        given.tensor = tensor;
        emit TensorDemanded(id, which.place, tensor, _pass(given, Stage.TensorDemanded));
    }

    /// @inheritdoc IInferenceCourt
    function postGroups(
        Case calldata accused,
        AnswerAt calldata which,
        uint16 tensor,
        OpAt calldata,
        bytes32[] calldata groupRoots,
        bytes32[] calldata
    ) external {
        (bytes32 id, Answer storage given) = _move(accused, which, Stage.TensorDemanded);
        if (given.tensor != tensor) revert InferenceCourtNotProven("tensor");
        given.values = abi.decode(_examined(address(_elements)), (uint256)).toUint32();
        emit GroupsPosted(id, which.place, tensor, groupRoots, _pass(given, Stage.GroupsPosted));
    }

    /// @inheritdoc IInferenceCourt
    function demandGroup(Case calldata accused, AnswerAt calldata which, uint16 group) external {
        (bytes32 id, Answer storage given) = _move(accused, which, Stage.GroupsPosted);
        _requireAccuser(accused);
        uint256 groups = TraceTree.groupsOf(given.values);
        if (group >= groups) revert InferenceCourtOutOfRange(group, groups);
        given.group = group;
        emit GroupDemanded(id, which.place, given.tensor, group, _pass(given, Stage.GroupDemanded));
    }

    /// @inheritdoc IInferenceCourt
    function postGroup(
        Case calldata accused,
        AnswerAt calldata which,
        bytes calldata values,
        bytes32[] calldata proof
    ) external {
        (bytes32 id, Answer storage given) = _move(accused, which, Stage.GroupDemanded);
        uint256 left = given.values - given.group * TraceTree.GROUP_VALUES;
        uint256 length = (left < TraceTree.GROUP_VALUES ? left : TraceTree.GROUP_VALUES) * Operands.TENSOR;
        if (values.length != length) revert InferenceCourtWrongLength(length, values.length);
        bytes32 root = TraceTree.rootOfGroup(values, given.group, given.tensor, proof);
        if (root != given.traceRoot) revert InferenceCourtNotProven("group");
        emit GroupPosted(id, which.place, given.tensor, given.group, values, _pass(given, Stage.GroupPosted));
    }

    /// @inheritdoc IInferenceCourt
    function proveElement(
        Case calldata accused,
        AnswerAt calldata which,
        ElementProof calldata proof,
        uint256[] calldata currentSet
    ) external {
        (bytes32 id,) = _undecided(accused, which);
        (int256 expected, int256 stated) = abi.decode(_examined(address(_elements)), (int256, int256));
        emit WrongElement(id, which.place, proof.op.number, proof.place, expected, stated);
        _defeat(id, accused, which.place, currentSet);
    }

    /// @inheritdoc IInferenceCourt
    function proveSample(
        Case calldata accused,
        AnswerAt calldata which,
        SampleProof calldata,
        uint256[] calldata currentSet
    ) external {
        (bytes32 id,) = _undecided(accused, which);
        uint256 expected = abi.decode(_examined(address(_samples)), (uint256));
        emit WrongToken(id, which.place, expected, accused.token);
        _defeat(id, accused, which.place, currentSet);
    }

    /// @inheritdoc IInferenceCourt
    function proveNoPass(Case calldata accused, NoPassProof calldata, uint256[] calldata currentSet) external {
        bytes32 id = _requireOpen(accused);
        _examined(address(_samples));
        emit NoForwardPass(id);
        _convict(id, accused, currentSet);
    }

    /// @inheritdoc IInferenceCourt
    function models() external view returns (address) {
        return _models;
    }

    /// @inheritdoc IInferenceCourt
    function examiners() external view returns (address subjects, address elements, address samples) {
        return (address(_subjects), address(_elements), address(_samples));
    }

    /// @dev Asks an examiner the same, which reverts unless it is proven.
    function _examined(address examiner) private view returns (bytes memory) {
        return examiner.functionStaticCall(msg.data);
    }

    function _requireAccuser(Case calldata accused) private view {
        if (msg.sender != accused.accuser) revert InferenceCourtNotAccuser(msg.sender);
    }
}
