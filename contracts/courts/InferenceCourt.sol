// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {CheckpointRecord, ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
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
import {ExactModel, IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {OpenedTurn, OpenSnapshot} from "../libraries/OpenSnapshot.sol";
import {SnapshotReader} from "../libraries/SnapshotReader.sol";
import {TokensSnapshot} from "../libraries/TokensSnapshot.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {Request, SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";
import {Operands} from "../libraries/model/Operands.sol";
import {TraceTree} from "../libraries/model/TraceTree.sol";
import {Accusations} from "./inference/Accusations.sol";
import {ElementExaminer} from "./inference/ElementExaminer.sol";
import {SampleExaminer} from "./inference/SampleExaminer.sol";

/// @title InferenceCourt
/// @notice Who may be accused of what, and what is said about it; see the interface. How accusations live is in
/// `Accusations`, what proves something with the examiners.
contract InferenceCourt is Accusations {
    using Address for address;
    using SafeCast for uint256;

    ElementExaminer private immutable _elements;
    SampleExaminer private immutable _samples;
    IModelRegistry private immutable _models;
    uint64 private immutable _retentionSeconds;

    constructor(
        ICheckpointLedger ledger_,
        ElementExaminer elements,
        SampleExaminer samples,
        uint256 bond_,
        uint32 answerSeconds,
        uint32 moveSeconds
    ) Accusations(ledger_, bond_, answerSeconds, moveSeconds) {
        address known = elements.models();
        bool areOne = elements.ledger() == address(ledger_) && samples.ledger() == address(ledger_);
        if (!areOne || samples.models() != known) revert InferenceCourtInvalidParameters("examiners");
        (_elements, _samples, _models) = (elements, samples, IModelRegistry(known));
        _retentionSeconds = _registry.parameters().retentionSeconds;
    }

    /// @inheritdoc IInferenceCourt
    function accuse(
        SnapshotProof calldata open,
        bytes calldata openSignature,
        SnapshotProof calldata tokens,
        bytes calldata tokensSignature,
        uint32 position,
        uint256 mostBond
    ) external returns (bytes32 id, Case memory accused) {
        _requireSaid(open, openSignature, "open");
        CheckpointRecord memory record = _requireSaid(tokens, tokensSignature, "tokens");
        // Block time: whoever counts in active time keeps it longer.
        uint256 until = uint256(record.committedAt) + _retentionSeconds;
        if (block.timestamp >= until) revert InferenceCourtRetentionOver(until);
        _readOpen(accused, open);
        _readToken(accused, tokens, position);
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
        return address(_models);
    }

    /// @inheritdoc IInferenceCourt
    function examiners() external view returns (address elements, address samples) {
        return (address(_elements), address(_samples));
    }

    /// @dev Asks an examiner the same, which reverts unless it is proven.
    function _examined(address examiner) private view returns (bytes memory) {
        return examiner.functionStaticCall(msg.data);
    }

    function _requireAccuser(Case calldata accused) private view {
        if (msg.sender != accused.accuser) revert InferenceCourtNotAccuser(msg.sender);
    }

    /// @dev The snapshot is in a checkpoint that has not fallen, and its operator has signed the segment. SAFETY: a quorum that
    /// lies commits to what it makes up, and answers for it too late. No signature is that of address zero, which is no
    /// operator's key; and an operator of that address has no stake.
    function _requireSaid(SnapshotProof calldata proof, bytes calldata signature, string memory part)
        private
        view
        returns (CheckpointRecord memory record)
    {
        _require(_ledger.verifySnapshot(proof), part);
        record = _ledger.checkpoint(proof.number);
        if (record.fallen) revert InferenceCourtFallen(proof.number);
        (address signer,,) = ECDSA.tryRecoverCalldata(_ledger.headerHash(proof.header), signature);
        if (_registry.operatorOfSigner(signer) != proof.header.operator) {
            revert InferenceCourtForeignSigner(signer, proof.header.operator);
        }
    }

    function _readOpen(Case memory accused, SnapshotProof calldata open) private view {
        bytes calldata body = open.body;
        _require(SnapshotReader.opens(body), "open");
        (bool wellFormed, OpenedTurn memory opened) = OpenSnapshot.read(body);
        _require(wellFormed, "open");
        SegmentHeader calldata header = open.header;
        Request memory request = opened.request;
        bytes32 track = WeftHash.trackId(header.operator, header.incarnation);
        accused.turn = WeftHash.turnId(track, header.sequence, open.snapshotIndex);
        (accused.operator, accused.opened) = (header.operator, open.number);
        accused.requestId = WeftHash.requestId(request);
        accused.temperature = OpenSnapshot.temperature(body);
        ExactModel memory model = _models.exactModel(request.model);
        _require(model.headHash != 0, "model");
        (accused.model, accused.constants, accused.tensors) = (request.model, model.constants, model.tensors);
        // What is before it the turn took over, and answers for nowhere.
        accused.position = request.lengthAfter;
        if (request.gate == 0) return;
        // A turn that names a checkpoint which the chain does not have is an orphan: accused of nothing.
        bytes32 hash = _ledger.checkpointHash(request.memoryCheckpoint);
        _require(hash == request.memoryCheckpointHash, "memory checkpoint");
        (accused.gate, accused.memoryId) = (request.gate, request.memoryId);
        (accused.memoryCheckpoint, accused.memoryCheckpointHash) = (request.memoryCheckpoint, hash);
    }

    function _readToken(Case memory accused, SnapshotProof calldata tokens, uint32 position) private pure {
        bytes calldata body = tokens.body;
        accused.token = TokensSnapshot.tokenAt(body, position);
        _require(tokens.header.operator == accused.operator, "operator");
        _require(TokensSnapshot.turn(body) == accused.turn, "turn");
        bool isAnswered = TokensSnapshot.tokenKind(body) != TokensSnapshot.GIVEN;
        _require(isAnswered && position >= accused.position && position > 0, "position");
        (accused.position, accused.contextRoot) = (position, TokensSnapshot.contextRoot(body));
        accused.written = tokens.number;
    }

    function _require(bool holds, string memory part) private pure {
        if (!holds) revert InferenceCourtNotProven(part);
    }
}
