// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AnswerAt,
    Case,
    ElementProof,
    IInferenceCourt,
    NoPassProof,
    Operand,
    SampleProof,
    Stage
} from "../interfaces/IInferenceCourt.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {ElementPlace} from "../libraries/model/ModelTypes.sol";
import {Grove} from "../test/Grove.sol";
import {InferenceFixture} from "../test/InferenceFixture.sol";
import {TinyModel, Trace} from "../test/TinyModel.sol";
import {VM} from "../test/Vm.sol";
import {AccusedExaminer} from "./inference/AccusedExaminer.sol";
import {ElementExaminer} from "./inference/ElementExaminer.sol";
import {SampleExaminer} from "./inference/SampleExaminer.sol";

/// What proves something; who may be accused is in `InferenceCourtAccused.t.sol`.
contract InferenceCourtTest is InferenceFixture {
    function _sound() private {
        VM.expectRevert(IInferenceCourt.InferenceCourtSound.selector);
    }

    function test_AnAnswerHasEveryTensor() public {
        Case memory accused = _accuse();
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtWrongLength.selector, 2, 1));
        judge.answer(accused, new bytes32[](1));
    }

    function test_WhatIsPostedIsWhole() public {
        Case memory accused = _accuse();
        Trace memory right = _right();
        AnswerAt memory which = _answerAs(_owner(AUTHOR), accused, right);
        _demandTensor(accused, which, 0);
        bytes32[] memory proof = TinyModel.tensorProof(TinyModel.tensorRoots(right), 0);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtWrongLength.selector, 1, 2));
        judge.postGroups(accused, which, 0, TinyModel.opAt(0), new bytes32[](2), proof);
        _noProof("groups");
        judge.postGroups(accused, which, 0, TinyModel.opAt(0), new bytes32[](1), proof);
        _noProof("op");
        judge.postGroups(accused, which, 0, TinyModel.opAt(1), new bytes32[](1), proof);
        _noProof("tensor");
        judge.postGroups(accused, which, 1, TinyModel.opAt(1), new bytes32[](1), proof);
        _postGroups(accused, which, right, 0);
        _demandGroup(accused, which);
        proof = _groupProof(right, 0);
        bytes memory values = right.tensors[0];
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceCourt.InferenceCourtWrongLength.selector, 2400, 2404)
        );
        judge.postGroup(accused, which, bytes.concat(values, bytes4(0)), proof);
        _noProof("group proof");
        judge.postGroup(accused, which, values, new bytes32[](19));
        values[7] = 0x77;
        _noProof("group");
        judge.postGroup(accused, which, values, proof);
    }

    function test_ATensorIsShownByTheOperationThatMakesIt() public {
        Case memory accused = _accuse();
        Trace memory right = _right();
        AnswerAt memory which = _answerAs(_owner(AUTHOR), accused, right);
        _demandTensor(accused, which, 1);
        bytes32[] memory proof = TinyModel.tensorProof(TinyModel.tensorRoots(right), 1);
        _noProof("op");
        judge.postGroups(accused, which, 1, TinyModel.opAt(0), TinyModel.groupRoots(right, 1), proof);
        _postGroups(accused, which, right, 1);
    }

    /// Every logit of a right trace is right, and of a wrong one exactly those that differ are wrong.
    function test_AnElementIsWhatItIsMadeOf() public {
        Case memory accused = _accuse();
        Trace memory lie = _bent(1, 4 * 3 + 1);
        AnswerAt memory which = _answerAs(HELPER, accused, lie);
        for (uint256 position = 2; position < 5; ++position) {
            for (uint256 v = 0; v < 4; ++v) {
                if (position == 3 && v == 1) continue;
                ElementProof memory sound = _logitProof(lie, position, v);
                _sound();
                judge.proveElement(accused, which, sound, set);
            }
        }
        ElementProof memory proof = _logitProof(lie, 3, 1);
        judge.proveElement(accused, which, proof, set);
        assert(_stageOf(accused, which) == Stage.Defeated);
    }

    function _embeddingProof(Trace memory trace, uint256 position, uint256 column)
        private
        pure
        returns (ElementProof memory proof)
    {
        (proof.head, proof.op) = (TinyModel.head(), TinyModel.opAt(0));
        proof.place = ElementPlace(0, position, 0, column);
        proof.run = TinyModel.run(trace, 0, position * TinyModel.WIDTH + column, 1);
        proof.operands = new Operand[](1);
        proof.token = _idAt(position);
        proof.tokenProof = Grove.path(WeftTree.CONTEXT, Grove.context(_run(0, 8)), position);
        proof.operands[0] = TinyModel.constantRow(0, proof.token);
    }

    function test_AnEmbeddingIsThatOfTheContextsToken() public {
        Case memory accused = _accuse();
        Trace memory lie = _bent(0, 4 * 100 + 99);
        AnswerAt memory which = _answerAs(HELPER, accused, lie);
        ElementProof memory proof = _embeddingProof(lie, 4, 98);
        _sound();
        judge.proveElement(accused, which, proof, set);
        proof = _embeddingProof(lie, 4, 99);
        proof.token = _idAt(5);
        _noProof("token");
        judge.proveElement(accused, which, proof, set);
        proof = _embeddingProof(lie, 4, 99);
        judge.proveElement(accused, which, proof, set);
        assert(_stageOf(accused, which) == Stage.Defeated);
    }

    /// Whatever is shown in another place than where it is read proves nothing.
    function test_EveryPartOfAProofHasItsPlace() public {
        Case memory accused = _accuse();
        Trace memory lie = _bent(1, 4 * 5 + 2);
        AnswerAt memory which = _answerAs(HELPER, accused, lie);
        ElementProof memory proof = _logitProof(lie, 5, 2);
        proof.head = bytes.concat(proof.head, hex"00");
        _fails(accused, which, proof, "head");
        proof = _logitProof(lie, 5, 2);
        proof.op = TinyModel.opAt(0);
        proof.op.number = 1;
        _fails(accused, which, proof, "leaf");
        proof = _logitProof(lie, 5, 2);
        proof.operands[0].leaf = TinyModel.leaves()[4];
        _fails(accused, which, proof, "leaf");
        proof = _logitProof(lie, 5, 2);
        proof.operands[0].run = TinyModel.run(lie, 0, 256, 100);
        _fails(accused, which, proof, "run");
        proof = _logitProof(lie, 5, 2);
        proof.operands[0].run.tiles[1] = proof.operands[0].run.tiles[0];
        _fails(accused, which, proof, "tile length");
        proof = _logitProof(lie, 5, 2);
        proof.operands[0].run.tiles[1].values[0] ^= 0x01;
        _fails(accused, which, proof, "tile");
        proof = _logitProof(lie, 5, 2);
        proof.operands[0].run = TinyModel.run(_bent(0, 520), 0, 500, 100);
        _fails(accused, which, proof, "tensor");
        proof = _logitProof(lie, 5, 2);
        proof.operands[1].leaf = TinyModel.leaves()[1];
        _fails(accused, which, proof, "leaf");
        proof = _logitProof(lie, 5, 2);
        proof.operands[1].run.tiles[0] = TinyModel.tileAt(4 + 1);
        _fails(accused, which, proof, "tile");
        proof = _logitProof(lie, 5, 2);
        proof.operands = new Operand[](1);
        _fails(accused, which, proof, "operands");
        proof = _logitProof(lie, 5, 2);
        proof.run = TinyModel.run(_right(), 1, 22, 1);
        _fails(accused, which, proof, "tensor");
    }

    function _fails(Case memory accused, AnswerAt memory which, ElementProof memory proof, string memory part) private {
        uint256[] memory now_ = set;
        _noProof(part);
        judge.proveElement(accused, which, proof, now_);
    }

    function _sampleProof(Trace memory trace) private pure returns (SampleProof memory proof) {
        (proof.head, proof.logits) = (TinyModel.head(), TinyModel.opAt(1));
        proof.run = TinyModel.run(trace, 1, 4 * (POSITION - 1), 4);
    }

    /// @dev The logits of one token are far above the others'.
    function _sure(uint256 v) private pure returns (Trace memory trace) {
        trace = _right();
        trace.tensors[1][4 * (4 * (POSITION - 1) + v)] = 0x01;
    }

    function test_ATokenIsTheOneThatTheLogitsLeadTo() public {
        Case memory accused = _accuse();
        Trace memory trace = _sure(_idAt(6));
        AnswerAt memory which = _answerAs(HELPER, accused, trace);
        SampleProof memory proof = _sampleProof(trace);
        _sound();
        judge.proveSample(accused, which, proof, set);
        trace = _sure(_idAt(6) ^ 1);
        which = _answerAs(HELPER, accused, trace);
        proof = _sampleProof(trace);
        proof.run = TinyModel.run(trace, 1, 4 * (POSITION - 2), 4);
        proof.logits = TinyModel.opAt(0);
        _noProof("logits");
        judge.proveSample(accused, which, proof, set);
        proof = _sampleProof(trace);
        judge.proveSample(accused, which, proof, set);
        assert(_stageOf(accused, which) == Stage.Defeated);
    }

    function test_ATokenThatTheModelDoesNotHaveEndsItAtOnce() public {
        uint32[] memory ids = _run(0, 8);
        Case memory accused = _accuse();
        NoPassProof memory proof = NoPassProof(
            TinyModel.head(), 3, ids[3], Grove.path(WeftTree.CONTEXT, Grove.context(ids), 3)
        );
        _sound();
        judge.proveNoPass(accused, proof, set);
        proof.token = 4;
        _noProof("token");
        judge.proveNoPass(accused, proof, set);
        (proof.position, proof.token) = (6, ids[6]);
        _noProof("position");
        judge.proveNoPass(accused, proof, set);
    }

    function test_TheExaminersHaveTheCourtsOwnCalls() public pure {
        assert(ElementExaminer.proveElement.selector == IInferenceCourt.proveElement.selector);
        assert(ElementExaminer.postGroups.selector == IInferenceCourt.postGroups.selector);
        assert(SampleExaminer.proveSample.selector == IInferenceCourt.proveSample.selector);
        assert(SampleExaminer.proveNoPass.selector == IInferenceCourt.proveNoPass.selector);
        assert(AccusedExaminer.accuse.selector == IInferenceCourt.accuse.selector);
    }
}
