// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistry} from "../../ModelRegistry.sol";
import {ICheckpointLedger} from "../../interfaces/ICheckpointLedger.sol";
import {AccusationState, AnswerAt, Case, IInferenceCourt, Stage} from "../../interfaces/IInferenceCourt.sol";
import {InferenceFixture} from "../../test/InferenceFixture.sol";
import {TinyModel, Trace} from "../../test/TinyModel.sol";
import {VM} from "../../test/Vm.sol";
import {InferenceCourt} from "../InferenceCourt.sol";
import {AccusedExaminer} from "./AccusedExaminer.sol";
import {ElementExaminer} from "./ElementExaminer.sol";
import {SampleExaminer} from "./SampleExaminer.sol";

/// How accusations live, whatever proves them; that is in `InferenceCourt.t.sol`.
contract AccusationsTest is InferenceFixture {
    address private constant OTHER = address(0x07E4);

    function _wrongTime(uint256 activeNow, uint256 deadline) private {
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceCourt.InferenceCourtWrongTime.selector, activeNow, deadline)
        );
    }

    function _wrongStage(Case memory accused, AnswerAt memory which, Stage stage) private {
        bytes32 id = _idOf(accused);
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceCourt.InferenceCourtWrongStage.selector, id, which.place, stage)
        );
    }

    function _state(Case memory accused) private view returns (AccusationState) {
        return judge.accusationOf(_idOf(accused)).state;
    }

    /// @dev Everything that the court has is owed to somebody, and bonds were burnt as they should.
    function _assertSettled(uint256 burnt) private view {
        uint256 owed = judge.creditOf(ACCUSER) + judge.creditOf(HELPER) + judge.creditOf(_owner(AUTHOR))
            + judge.creditOf(_signer(AUTHOR)) + judge.creditOf(OTHER);
        assert(token.balanceOf(address(judge)) == owed);
        assert(token.totalSupply() == supply - burnt);
    }

    function _active() private view returns (uint64) {
        return registry.activeTime();
    }

    function test_SilenceConvicts() public {
        Case memory accused = _accuse();
        assert(token.balanceOf(address(judge)) == BOND);
        uint64 deadline = judge.accusationOf(_idOf(accused)).deadline;
        assert(deadline == _active() + ANSWER);
        _passTime(ANSWER - 1);
        uint256[] memory now_ = set;
        _wrongTime(deadline - 1, deadline);
        judge.conclude(accused, now_);
        _passTime(1);
        bytes32[] memory roots = TinyModel.tensorRoots(_right());
        _wrongTime(deadline, deadline);
        VM.prank(HELPER);
        judge.answer(accused, roots);
        judge.conclude(accused, now_);
        assert(_isConvicted() && _state(accused) == AccusationState.Convicted);
        assert(registry.operatorOf(_owner(AUTHOR)).reporter == ACCUSER);
        _withdraw(ACCUSER);
        assert(token.balanceOf(ACCUSER) == 1000 ether && token.balanceOf(address(judge)) == 0);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNoCredit.selector, ACCUSER));
        _withdraw(ACCUSER);
        bytes32 id = _idOf(accused);
        VM.expectRevert(
            abi.encodeWithSelector(
                IInferenceCourt.InferenceCourtWrongState.selector, id, AccusationState.Convicted
            )
        );
        judge.conclude(accused, now_);
    }

    function test_AnAnswerWhoseAccuserFallsSilentStands() public {
        Case memory accused = _accuse();
        _passTime(ANSWER - 1);
        AnswerAt memory which = _answerAs(HELPER, accused, _right());
        assert(which.place == 1 && token.balanceOf(address(judge)) == 2 * BOND);
        // The time to answer is over, that to demand is not.
        _passTime(MOVE - 1);
        uint256[] memory now_ = set;
        uint64 deadline = judge.accusationOf(_idOf(accused)).deadline;
        _wrongTime(_active(), deadline);
        judge.conclude(accused, now_);
        _passTime(1);
        _wrongTime(_active(), _active());
        VM.prank(ACCUSER);
        judge.demandTensor(accused, which, 0);
        judge.conclude(accused, now_);
        assert(_state(accused) == AccusationState.Dismissed && !judge.isVoid(turn));
        assert(judge.creditOf(HELPER) == BOND + BOND / 2 && judge.creditOf(ACCUSER) == 0);
        _assertSettled(BOND / 2);
        // A dismissal ends the accusation, not the subject.
        bytes32 id = _idOf(accused);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtAccusedBefore.selector, id));
        _accuse();
        assert(_state(_accuseAs(HELPER)) == AccusationState.Open);
    }

    /// All moves of the longest game, and each of them just in time.
    function test_AGameNarrowsDownToTheWrongElement() public {
        Case memory accused = _accuse();
        Trace memory lie = _bent(1, 4 * (POSITION - 1) + 2);
        _passTime(ANSWER - 1);
        AnswerAt memory which = _answerAs(_owner(AUTHOR), accused, lie);
        assert(which.place == 0);
        _passTime(MOVE - 1);
        _demandTensor(accused, which, 1);
        _passTime(MOVE - 1);
        _postGroups(accused, which, lie, 1);
        assert(judge.answerOf(_idOf(accused), 0).values == 24);
        _passTime(MOVE - 1);
        _demandGroup(accused, which);
        _passTime(MOVE - 1);
        bytes memory values = lie.tensors[1];
        judge.postGroup(accused, which, values, _groupProof(lie, 1));
        assert(_stageOf(accused, which) == Stage.GroupPosted);
        _passTime(MOVE - 1);
        _proveLogit(accused, which, lie, 2);
        assert(_isConvicted() && _stageOf(accused, which) == Stage.Defeated);
        assert(judge.creditOf(ACCUSER) == BOND + BOND / 2);
        _assertSettled(BOND / 2);
    }

    function test_WhoeverDoesNotShowWhatIsDemandedLoses() public {
        Case memory accused = _accuse();
        AnswerAt memory which = _answerAs(_signer(AUTHOR), accused, _right());
        assert(which.place == 0);
        _demandTensor(accused, which, 0);
        _passTime(MOVE);
        uint256[] memory now_ = set;
        judge.conclude(accused, now_);
        assert(_isConvicted());
        _assertSettled(BOND / 2);
    }

    function test_NorWhoDoesNotShowTheGroup() public {
        Case memory accused = _accuse();
        AnswerAt memory which = _answerAs(_owner(AUTHOR), accused, _right());
        _demandTensor(accused, which, 0);
        _postGroups(accused, which, _right(), 0);
        _demandGroup(accused, which);
        _passTime(MOVE);
        _conclude(accused);
        assert(_isConvicted());
    }

    /// After each of the answerer's moves it is the accuser's, who loses by silence.
    function test_TheAccusersSilenceLetsAnAnswerStandAtEveryStage() public {
        Trace memory right = _right();
        address[3] memory accusers = [ACCUSER, HELPER, _owner(AUTHOR)];
        for (uint256 shown = 0; shown < 3; ++shown) {
            Case memory accused = _accuseAs(accusers[shown]);
            AnswerAt memory which = _answerAs(_owner(AUTHOR), accused, right);
            if (shown > 0) {
                _demandTensor(accused, which, 0);
                _postGroups(accused, which, right, 0);
            }
            if (shown > 1) {
                _demandGroup(accused, which);
                judge.postGroup(accused, which, right.tensors[0], _groupProof(right, 0));
            }
            _passTime(ANSWER + MOVE);
            _conclude(accused);
            assert(_state(accused) == AccusationState.Dismissed && _stageOf(accused, which) == Stage.Stood);
        }
        assert(!judge.isVoid(turn) && judge.bondOf(_owner(AUTHOR)) == BOND);
        _assertSettled(3 * (BOND / 2));
    }

    function test_AThirdPartysWrongAnswerCostsItAlone() public {
        Case memory accused = _accuse();
        Trace memory lie = _bent(1, 4 * (POSITION - 1) + 2);
        AnswerAt memory which = _answerAs(HELPER, accused, lie);
        _proveLogit(accused, which, lie, 2);
        assert(_state(accused) == AccusationState.Open && !judge.isVoid(turn));
        assert(judge.creditOf(ACCUSER) == BOND / 2 && judge.creditOf(HELPER) == 0);
        _wrongStage(accused, which, Stage.Defeated);
        _proveLogit(accused, which, lie, 2);
        AnswerAt memory own = _answerAs(_owner(AUTHOR), accused, _right());
        _passTime(ANSWER);
        _conclude(accused);
        assert(_state(accused) == AccusationState.Dismissed && _stageOf(accused, own) == Stage.Stood);
        assert(judge.creditOf(_owner(AUTHOR)) == BOND + BOND / 2);
        _assertSettled(2 * (BOND / 2));
    }

    /// Nor is a place without an answer anybody's.
    function test_WhatStoodIsNotProvenWrongAnyMore() public {
        Case memory accused = _accuse();
        Trace memory lie = _bent(1, 4 * (POSITION - 1) + 2);
        AnswerAt memory which = _answerAs(HELPER, accused, lie);
        _demandTensor(accused, which, 0);
        _postGroups(accused, which, lie, 0);
        _passTime(MOVE);
        _conclude(accused);
        assert(_state(accused) == AccusationState.Open);
        _wrongStage(accused, which, Stage.Stood);
        _proveLogit(accused, which, lie, 2);
        bytes32 id = _idOf(accused);
        AnswerAt memory nobodys = AnswerAt(which.place + 1, 0);
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceCourt.InferenceCourtWrongAnswer.selector, id, nobodys.place, bytes32(0))
        );
        _proveLogit(accused, nobodys, lie, 2);
    }

    function test_WhereNoAnswerIsLeftTheAccusedIsConvicted() public {
        Case memory accused = _accuse();
        AnswerAt memory which = _answerAs(HELPER, accused, _right());
        _demandTensor(accused, which, 0);
        _passTime(MOVE);
        _conclude(accused);
        assert(_state(accused) == AccusationState.Open && _stageOf(accused, which) == Stage.Defeated);
        _passTime(ANSWER - MOVE);
        _conclude(accused);
        assert(_isConvicted());
        _assertSettled(BOND / 2);
    }

    /// Of others' answers four have a place; nobody takes the accused's.
    function test_TheAccusedAlwaysHasAPlace() public {
        Case memory accused = _accuse();
        token.mint(OTHER, 10 * BOND);
        supply = token.totalSupply();
        VM.prank(OTHER);
        token.approve(address(judge), MOST);
        for (uint256 i = 0; i < 4; ++i) {
            assert(_answerAs(i % 2 == 0 ? HELPER : OTHER, accused, _bent(0, i)).place == i + 1);
        }
        bytes32[] memory roots = TinyModel.tensorRoots(_right());
        bytes32 id = _idOf(accused);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNoPlace.selector, id));
        VM.prank(HELPER);
        judge.answer(accused, roots);
        assert(_answerAs(_owner(AUTHOR), accused, _right()).place == 0);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNoPlace.selector, id));
        VM.prank(_signer(AUTHOR));
        judge.answer(accused, roots);
        assert(judge.accusationOf(id).others == 4);
        _passTime(ANSWER);
        _conclude(accused);
        // All stood; the reward is the accused's.
        assert(judge.creditOf(_owner(AUTHOR)) == BOND + BOND / 2);
        assert(judge.creditOf(HELPER) == 2 * BOND && judge.creditOf(OTHER) == 2 * BOND);
        _assertSettled(BOND / 2);
    }

    /// A sham accuser neither stops nor delays another; it pays for what it says.
    function test_ShamAccusationsShieldNobodyAndStopNobody() public {
        Case memory sham = _accuseAs(HELPER);
        assert(judge.bondOf(_owner(AUTHOR)) == 2 * BOND && judge.bondOf(_owner(2)) == BOND);
        uint256 most = 2 * BOND - 1;
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceCourt.InferenceCourtBondRose.selector, 2 * BOND, most)
        );
        _file(ACCUSER, POSITION, most);
        Case memory real = _accuse();
        assert(real.bond == 2 * BOND && token.balanceOf(address(judge)) == 3 * BOND);
        Trace memory lie = _bent(1, 4 * (POSITION - 1));
        AnswerAt memory shamAt = _answerAs(_owner(AUTHOR), sham, lie);
        AnswerAt memory which = _answerAs(_owner(AUTHOR), real, lie);
        _proveLogit(real, which, lie, 0);
        assert(_isConvicted() && judge.bondOf(_owner(AUTHOR)) == 2 * BOND);
        // What is still open about who was convicted ends without another slash.
        _proveLogit(sham, shamAt, lie, 0);
        assert(_state(sham) == AccusationState.Convicted && judge.bondOf(_owner(AUTHOR)) == BOND);
        assert(judge.creditOf(ACCUSER) == 2 * BOND + BOND / 2 && judge.creditOf(HELPER) == BOND + BOND / 2);
        _assertSettled(2 * (BOND / 2));
    }

    function test_WhoWasConvictedMeanwhileLosesTheTurnAllTheSame() public {
        Case memory accused = _accuse();
        _convict(AUTHOR);
        _passTime(ANSWER);
        _conclude(accused);
        assert(_isConvicted() && judge.creditOf(ACCUSER) == BOND);
        assert(registry.operatorOf(_owner(AUTHOR)).reporter == REPORTER);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtVoid.selector, turn));
        _accuseAs(HELPER);
    }

    function test_APauseExtendsEveryDeadline() public {
        Case memory accused = _accuse();
        _pause(3);
        _passTime(ANSWER + 2);
        AnswerAt memory which = _answerAs(_owner(AUTHOR), accused, _right());
        _passTime(MOVE);
        _conclude(accused);
        assert(_stageOf(accused, which) == Stage.Stood);
    }

    /// Nobody has to serve what fell, so nobody has to be able to answer.
    function test_WithTheCheckpointFallsTheAccusation() public {
        // The window of the tokens' checkpoint is still open.
        Case memory accused = _accuse();
        _answerAs(HELPER, accused, _right());
        bytes32 hash = ledger.checkpointHash(accused.written);
        VM.prank(GUARD);
        guardian.invalidate(ledger, accused.written, hash);
        _conclude(accused);
        assert(_state(accused) == AccusationState.Dropped && !_isConvicted());
        assert(judge.creditOf(ACCUSER) == BOND && judge.creditOf(HELPER) == BOND);
        _assertSettled(0);
    }

    function test_NobodyIsConvictedByWhatFell() public {
        // Again and later, so that the tokens' checkpoint does not fall with it.
        open = _proof(_say(1, _beginning()), 0);
        Case memory accused = _accuse();
        Trace memory lie = _bent(1, 4 * (POSITION - 1));
        AnswerAt memory which = _answerAs(_owner(AUTHOR), accused, lie);
        bytes32 hash = ledger.checkpointHash(accused.opened);
        VM.prank(GUARD);
        guardian.invalidate(ledger, accused.opened, hash);
        _proveLogit(accused, which, lie, 0);
        assert(_state(accused) == AccusationState.Dropped && !_isConvicted());
        assert(judge.creditOf(_owner(AUTHOR)) == 0 && judge.creditOf(ACCUSER) == BOND + BOND / 2);
        _assertSettled(BOND / 2);
    }

    function test_EveryMoveHasItsTurnAndItsOwner() public {
        Case memory accused = _accuse();
        Trace memory right = _right();
        AnswerAt memory which = _answerAs(_owner(AUTHOR), accused, right);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNotAccuser.selector, HELPER));
        VM.prank(HELPER);
        judge.demandTensor(accused, which, 0);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtOutOfRange.selector, 2, 2));
        _demandTensor(accused, which, 2);
        _wrongStage(accused, which, Stage.Answered);
        _demandGroup(accused, which);
        _demandTensor(accused, which, 0);
        _wrongStage(accused, which, Stage.TensorDemanded);
        _demandTensor(accused, which, 1);
        _postGroups(accused, which, right, 0);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNotAccuser.selector, HELPER));
        VM.prank(HELPER);
        judge.demandGroup(accused, which, 0);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtOutOfRange.selector, 1, 1));
        VM.prank(ACCUSER);
        judge.demandGroup(accused, which, 1);
        _demandGroup(accused, which);
        bytes32 id = _idOf(accused);
        bytes32 root = which.traceRoot;
        which.traceRoot = keccak256("another");
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceCourt.InferenceCourtWrongAnswer.selector, id, which.place, root)
        );
        judge.postGroup(accused, which, right.tensors[0], new bytes32[](20));
        accused.bond += 1;
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceCourt.InferenceCourtWrongState.selector, id, AccusationState.Open)
        );
        judge.postGroup(accused, which, right.tensors[0], new bytes32[](20));
    }

    function test_WindowsFitThoseOfTheRegistry() public {
        (uint64 answerSeconds, uint64 moveSeconds) = judge.windows();
        assert(answerSeconds == ANSWER && moveSeconds == MOVE && judge.answerBond() == BOND);
        AccusedExaminer subjects = new AccusedExaminer(ledger, models);
        ElementExaminer elements = new ElementExaminer(ledger, models);
        SampleExaminer samples = new SampleExaminer(ledger, models);
        _refuses("bond");
        new InferenceCourt(ledger, subjects, elements, samples, 0, ANSWER, MOVE);
        _refuses("answerSeconds");
        new InferenceCourt(ledger, subjects, elements, samples, BOND, 0, MOVE);
        _refuses("answerSeconds");
        new InferenceCourt(ledger, subjects, elements, samples, BOND, 11, MOVE);
        _refuses("moveSeconds");
        new InferenceCourt(ledger, subjects, elements, samples, BOND, ANSWER, 0);
        _refuses("disputeWindowsSeconds");
        new InferenceCourt(ledger, subjects, elements, samples, BOND, ANSWER + 1, MOVE);
    }

    function test_ExaminersAreOfTheLedgerAndOfOneListOfModels() public {
        AccusedExaminer subjects = new AccusedExaminer(ledger, models);
        ElementExaminer elements = new ElementExaminer(ledger, models);
        SampleExaminer samples = new SampleExaminer(ledger, models);
        (address a, address b, address c) = judge.examiners();
        assert(a.code.length > 0 && b.code.length > 0 && c.code.length > 0);
        SampleExaminer foreign = new SampleExaminer(ICheckpointLedger(address(this)), models);
        _refuses("examiners");
        new InferenceCourt(ledger, subjects, elements, foreign, BOND, ANSWER, MOVE);
        AccusedExaminer other = new AccusedExaminer(ledger, new ModelRegistry());
        _refuses("examiners");
        new InferenceCourt(ledger, other, elements, samples, BOND, ANSWER, MOVE);
    }

    function _refuses(string memory parameter) private {
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceCourt.InferenceCourtInvalidParameters.selector, parameter)
        );
    }
}
