// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckpointLedger} from "../../interfaces/ICheckpointLedger.sol";
import {
    AnswerAt,
    Case,
    ElementProof,
    IInferenceCourt,
    OpAt,
    Operand,
    TensorRun
} from "../../interfaces/IInferenceCourt.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ElementReads} from "../../libraries/model/ElementReads.sol";
import {Elements} from "../../libraries/model/Elements.sol";
import {ModelReader} from "../../libraries/model/ModelReader.sol";
import {ModelTiles} from "../../libraries/model/ModelTiles.sol";
import {ElementPlace, ElementRead, ModelHead, ModelOp, OpKind} from "../../libraries/model/ModelTypes.sol";
import {Operands} from "../../libraries/model/Operands.sol";
import {TraceTree} from "../../libraries/model/TraceTree.sol";
import {Examiner} from "./Examiner.sol";

/// @title ElementExaminer
/// @notice Judges tensors and their elements.
contract ElementExaminer is Examiner {
    using Operands for bytes;

    constructor(ICheckpointLedger ledger_, IModelRegistry models_) Examiner(ledger_, models_) {}

    /// @notice How many values a tensor has whose groups' roots these are.
    function postGroups(
        Case calldata accused,
        AnswerAt calldata which,
        uint16 tensor,
        OpAt calldata op,
        bytes32[] calldata groupRoots,
        bytes32[] calldata proof
    ) external pure returns (uint256 values) {
        ModelOp memory maker = _opOf(accused, op.leaf, op.number, op.proof);
        (uint256 heads,,) = ElementReads.shapeOf(maker, accused.position);
        _require(tensor >= maker.firstTensor && tensor < maker.firstTensor + heads, "op");
        values = TraceTree.valuesOf(maker, accused.position);
        uint256 groups = TraceTree.groupsOf(values);
        if (groupRoots.length != groups) {
            revert IInferenceCourt.InferenceCourtWrongLength(groups, groupRoots.length);
        }
        _require(TraceTree.traceOf(TraceTree.tensorRoot(groupRoots), tensor, proof) == which.traceRoot, "groups");
    }

    /// @notice What an element is, and what the answer says that it is. Reverts with `InferenceCourtSound` where both are the same.
    function proveElement(
        Case calldata accused,
        AnswerAt calldata which,
        ElementProof calldata proof,
        uint256[] calldata
    ) external view returns (int256 expected, int256 stated) {
        ModelHead memory head = _headOf(accused.model, proof.head);
        ModelOp memory op = _opOf(accused, proof.op.leaf, proof.op.number, proof.op.proof);
        stated = _stated(accused, which.traceRoot, head, op, proof);
        expected = _expected(accused, which.traceRoot, head, op, proof);
        if (expected == stated) revert IInferenceCourt.InferenceCourtSound();
    }

    /// @dev What stands where the element does.
    function _stated(
        Case calldata accused,
        bytes32 trace,
        ModelHead memory head,
        ModelOp memory op,
        ElementProof calldata proof
    ) private pure returns (int256) {
        ElementRead memory what;
        (what.number, what.first, what.count) = (proof.op.number, proof.place, 1);
        return _readRun(accused, trace, head, op, what, proof.run).valueAt(Operands.TENSOR, 0);
    }

    /// @dev What the element is by all that it is made of.
    function _expected(
        Case calldata accused,
        bytes32 trace,
        ModelHead memory head,
        ModelOp memory op,
        ElementProof calldata proof
    ) private pure returns (int256) {
        ElementPlace memory place = proof.place;
        if (op.kind == OpKind.Embedding) _requireToken(accused, place.position, proof.token, proof.tokenProof);
        ElementRead[] memory reads = ElementReads.readsOf(op, place, accused.position, proof.token);
        _require(proof.operands.length == reads.length, "operands");
        bytes[] memory values = new bytes[](reads.length);
        _readAll(accused, trace, head, reads, values, proof.operands);
        ElementReads.resolve(op, reads, values);
        _readAll(accused, trace, head, reads, values, proof.operands);
        return Elements.elementOf(op, place, values);
    }

    /// @dev Reads what is known where to find and was not read yet.
    function _readAll(
        Case calldata accused,
        bytes32 trace,
        ModelHead memory head,
        ElementRead[] memory reads,
        bytes[] memory values,
        Operand[] calldata operands
    ) private pure {
        for (uint256 i = 0; i < reads.length; ++i) {
            if (values[i].length != 0 || reads[i].count == 0) continue;
            values[i] = reads[i].isConstant
                ? _readConstant(accused, head.tilesRoot, reads[i], operands[i])
                : _readTensor(accused, trace, head, reads[i], operands[i]);
        }
    }

    function _readConstant(Case calldata accused, bytes32 root, ElementRead memory what, Operand calldata operand)
        private
        pure
        returns (bytes memory)
    {
        _requireLeaf(accused.model, operand.leaf, 1 + what.number, operand.leafProof);
        return ModelTiles.read(root, ModelReader.readConstant(operand.leaf), what, operand.run.tiles);
    }

    function _readTensor(
        Case calldata accused,
        bytes32 trace,
        ModelHead memory head,
        ElementRead memory what,
        Operand calldata operand
    ) private pure returns (bytes memory) {
        ModelOp memory maker = _opOf(accused, operand.leaf, what.number, operand.leafProof);
        return _readRun(accused, trace, head, maker, what, operand.run);
    }

    function _readRun(
        Case calldata accused,
        bytes32 trace,
        ModelHead memory head,
        ModelOp memory maker,
        ElementRead memory what,
        TensorRun calldata run
    ) private pure returns (bytes memory) {
        uint256 positions = accused.position;
        uint256 first = TraceTree.indexOf(maker, what.first, positions, _liesAlongPositions(head, what.number));
        uint256 tensor = maker.firstTensor + what.first.head;
        return TraceTree.read(trace, tensor, TraceTree.valuesOf(maker, positions), first, what.count, run);
    }

    function _liesAlongPositions(ModelHead memory head, uint256 op) private pure returns (bool) {
        for (uint256 i = 0; i < head.values.length; ++i) {
            if (head.values[i] == op) return true;
        }
        return false;
    }
}
