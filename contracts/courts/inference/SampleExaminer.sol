// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckpointLedger} from "../../interfaces/ICheckpointLedger.sol";
import {
    AnswerAt,
    Case,
    IInferenceCourt,
    MemoryRead,
    NoPassProof,
    SampleProof
} from "../../interfaces/IInferenceCourt.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ContextTree} from "../../libraries/ContextTree.sol";
import {MemoryDefinition} from "../../libraries/MemoryDefinition.sol";
import {MemoryTree, RootChange, RowNode} from "../../libraries/MemoryTree.sol";
import {WeftHash} from "../../libraries/WeftHash.sol";
import {WeftTree} from "../../libraries/WeftTree.sol";
import {ModelHead, ModelOp} from "../../libraries/model/ModelTypes.sol";
import {Sample, Sampling} from "../../libraries/model/Sample.sol";
import {TraceTree} from "../../libraries/model/TraceTree.sol";
import {Examiner} from "./Examiner.sol";

/// @title SampleExaminer
/// @notice Judges which token follows from logits and a memory, and whether there can be one.
contract SampleExaminer is Examiner {
    using MemoryDefinition for bytes;

    constructor(ICheckpointLedger ledger_, IModelRegistry models_) Examiner(ledger_, models_) {}

    /// @notice Which token the answer's own logits lead to. Reverts with `InferenceCourtSound` where it is the committed one.
    function proveSample(
        Case calldata accused,
        AnswerAt calldata which,
        SampleProof calldata proof,
        uint256[] calldata
    ) external view returns (uint256 expected) {
        ModelHead memory head = _headOf(accused.model, proof.head);
        Sampling memory sampling = Sampling(accused.temperature, head.samplerK, _gateOf(accused, proof.memory_));
        bytes memory logits = _logits(accused, which.traceRoot, head, proof);
        expected = _drawn(accused, logits, sampling, proof.memory_.rows);
        if (expected == accused.token) revert IInferenceCourt.InferenceCourtSound();
    }

    /// @notice Reverts with `InferenceCourtSound` where the model has a forward pass over the context, as far as it is shown.
    function proveNoPass(Case calldata accused, NoPassProof calldata proof, uint256[] calldata) external view {
        ModelHead memory head = _headOf(accused.model, proof.head);
        if (accused.position > head.maxPositions) return;
        _require(proof.position < accused.position, "position");
        _requireToken(accused, proof.position, proof.token, proof.tokenProof);
        if (proof.token < head.vocab) revert IInferenceCourt.InferenceCourtSound();
    }

    /// @dev The answer's logits of the last position.
    function _logits(Case calldata accused, bytes32 trace, ModelHead memory head, SampleProof calldata proof)
        private
        pure
        returns (bytes memory)
    {
        _require(proof.logits.number == head.logits, "logits");
        ModelOp memory op = _opOf(accused, proof.logits.leaf, proof.logits.number, proof.logits.proof);
        uint256 values = TraceTree.valuesOf(op, accused.position);
        _require(values == accused.position * head.vocab, "vocabulary");
        return TraceTree.read(trace, op.firstTensor, values, values - head.vocab, head.vocab, proof.run);
    }

    function _drawn(Case calldata accused, bytes memory logits, Sampling memory sampling, bytes[] calldata rows)
        private
        pure
        returns (uint256)
    {
        return Sample.tokenAt(logits, sampling, rows, accused.requestId, accused.position);
    }

    /// @dev The gate that the request's memory is read through; 0 where the memory was not there.
    function _gateOf(Case calldata accused, MemoryRead calldata memory_) private view returns (uint256) {
        if (accused.gate == 0) return 0;
        bytes32 domain = WeftHash.domainSeparator(block.chainid, address(_ledger));
        bytes32 hash = WeftHash.checkpointHash(domain, memory_.checkpoint);
        _require(hash == accused.memoryCheckpointHash, "memory checkpoint");
        bytes32[] memory noRows = WeftTree.emptyRoots(WeftTree.MEMORY_ROWS);
        bytes32 nothing = noRows[WeftTree.MEMORY_ROWS_DEPTH];
        bytes32 leaf = MemoryTree.memoryLeaf(memory_.slotMemory, memory_.rowsRoot, nothing);
        bytes32 root = _climb(
            WeftTree.MEMORY,
            leaf,
            MemoryTree.slotOf(accused.memoryId),
            memory_.slotOpening,
            WeftTree.emptyRoots(WeftTree.MEMORY)
        );
        _require(root == memory_.checkpoint.memoryRoot, "memory");
        if (memory_.slotMemory != accused.memoryId || memory_.rowsRoot == nothing) return 0;
        _requireRows(accused, memory_, noRows);
        return accused.gate;
    }

    /// @dev The rows are those of the context, one for every order that it is long enough for.
    function _requireRows(Case calldata accused, MemoryRead calldata memory_, bytes32[] memory noRows) private pure {
        bytes calldata definition = memory_.definition;
        _require(definition.defines(accused.memoryId), "definition");
        uint256 orders = definition.orders();
        uint256 fitting = 0;
        while (fitting < orders && definition.orderAt(fitting) <= accused.position) ++fitting;
        _require(memory_.rows.length == fitting && memory_.rowOpenings.length == fitting, "rows");
        if (fitting == 0) return;
        uint256 longest = definition.orderAt(fitting - 1);
        _require(memory_.tokens.length == longest, "tokens");
        bool areThere = ContextTree.verifyRange(
            accused.contextRoot, accused.position - longest, memory_.tokens, memory_.tokenSiblings
        );
        _require(areThere, "tokens");
        for (uint256 order = 0; order < fitting; ++order) {
            uint256 first = longest - definition.orderAt(order);
            uint256 row = order * MemoryTree.ROWS_PER_ORDER
                + MemoryTree.rowOf(definition.salt(), order, memory_.tokens, first, longest);
            _requireRow(memory_, order, row, noRows);
        }
    }

    function _requireRow(MemoryRead calldata memory_, uint256 order, uint256 row, bytes32[] memory noRows) private pure {
        (bool wellFormed, RowNode memory node) =
            MemoryTree.wholeRow(memory_.rows[order], memory_.definition.columns());
        _require(wellFormed, "row");
        bytes32 leaf = MemoryTree.rowLeaf(node);
        bytes32 root = _climb(WeftTree.MEMORY_ROWS, leaf, row, memory_.rowOpenings[order], noRows);
        _require(root == memory_.rowsRoot, "row");
    }

    function _climb(uint8 kind, bytes32 leaf, uint256 index, bytes calldata opening, bytes32[] memory empties)
        private
        pure
        returns (bytes32)
    {
        RootChange memory root = RootChange(leaf, leaf);
        uint256 cursor;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            cursor := opening.offset
        }
        MemoryTree.climb(kind, root, index, cursor, empties);
        return root.before;
    }
}
