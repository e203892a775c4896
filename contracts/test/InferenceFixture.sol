// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ModelRegistry} from "../ModelRegistry.sol";
import {InferenceCourt} from "../courts/InferenceCourt.sol";
import {AccusedExaminer} from "../courts/inference/AccusedExaminer.sol";
import {ElementExaminer} from "../courts/inference/ElementExaminer.sol";
import {SampleExaminer} from "../courts/inference/SampleExaminer.sol";
import {AnswerAt, Case, ElementProof, IInferenceCourt, Operand, Stage} from "../interfaces/IInferenceCourt.sol";
import {OperatorStatus, RegistryParameters} from "../interfaces/IOperatorRegistry.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";
import {ElementPlace} from "../libraries/model/ModelTypes.sol";
import {Place} from "./Bodies.sol";
import {Lists} from "./Lists.sol";
import {TinyModel, Trace} from "./TinyModel.sol";
import {TurnFixture} from "./TurnFixture.sol";
import {VM} from "./Vm.sol";

/// @notice A turn of the tiny model with two written tokens, after six, and somebody who accuses its author of the first.
abstract contract InferenceFixture is TurnFixture {
    uint256 internal constant MOST = type(uint256).max;
    uint256 internal constant BOND = 3 ether;
    uint32 internal constant ANSWER = 4;
    uint32 internal constant MOVE = 2;
    uint32 internal constant RETENTION = 20;
    uint32 internal constant POSITION = 6;
    address internal constant ACCUSER = address(0xACC);
    address internal constant HELPER = address(0x4E1);

    ModelRegistry internal models;
    InferenceCourt internal judge;
    SnapshotProof internal open;
    SnapshotProof internal tokens;
    uint256 internal supply;
    uint256 internal made; // when the tokens were committed

    function setUp() public virtual override {
        super.setUp();
        models = new ModelRegistry();
        models.registerExact(TinyModel.root(), TinyModel.head(), TinyModel.leafProof(0), "tiny");
        ElementExaminer elements = new ElementExaminer(ledger, models);
        SampleExaminer samples = new SampleExaminer(ledger, models);
        AccusedExaminer subjects = new AccusedExaminer(ledger, models);
        judge = new InferenceCourt(ledger, subjects, elements, samples, BOND, ANSWER, MOVE);
        manager.grantRole(1, address(judge), 0);
        request.model = TinyModel.root();
        address[4] memory rich = [ACCUSER, HELPER, _owner(AUTHOR), _signer(AUTHOR)];
        for (uint256 i = 0; i < rich.length; ++i) {
            token.mint(rich[i], 1000 ether);
            VM.prank(rich[i]);
            token.approve(address(judge), MOST);
        }
        _write(WRITTEN);
        supply = token.totalSupply();
    }

    function _parameters() internal pure override returns (RegistryParameters memory p) {
        p = super._parameters();
        (p.disputeWindowsSeconds, p.retentionSeconds) = (ANSWER + 5 * MOVE, RETENTION);
        p.unbondingSeconds = 100;
    }

    function _idAt(uint256 position) internal pure override returns (uint32) {
        return uint32(position * 7 % 4);
    }

    /// @dev Commits the turn's beginning, and in the next checkpoint two tokens.
    function _write(uint8 kind) internal {
        open = _proof(_say(1, _beginning()), 0);
        tokens = _proof(_say(2, _alone(_tokens(Place(1, 2), POSITION, POSITION + 2, kind))), 0);
        made = block.timestamp;
    }

    function _digest(SnapshotProof memory proof) internal view returns (bytes32) {
        bytes32 domain = WeftHash.domainSeparator(block.chainid, address(ledger));
        bytes32 fields = keccak256(abi.encode(WeftHash.SEGMENT_TYPEHASH, proof.header));
        return MessageHashUtils.toTypedDataHash(domain, fields);
    }

    /// @dev Of the segment's header, by the operator that it names.
    function _signature(SnapshotProof memory proof) internal view returns (bytes memory) {
        uint256 operator = uint160(proof.header.operator) - uint160(_owner(0));
        return _sign(_key(operator), _digest(proof));
    }

    /// @dev Calls no contract but the court.
    function _file(address accuser, uint32 position, uint256 most) internal returns (Case memory accused) {
        (SnapshotProof memory a, SnapshotProof memory b) = (open, tokens);
        (bytes memory ofOpen, bytes memory ofTokens) = (_signature(a), _signature(b));
        VM.prank(accuser);
        (, accused) = judge.accuse(a, ofOpen, b, ofTokens, position, most);
    }

    function _accuseAs(address accuser) internal returns (Case memory) {
        return _file(accuser, POSITION, MOST);
    }

    function _accuse() internal returns (Case memory) {
        return _accuseAs(ACCUSER);
    }

    function _idOf(Case memory accused) internal view returns (bytes32) {
        return judge.idOf(accused.turn, accused.position, accused.accuser);
    }

    function _right() internal pure returns (Trace memory) {
        return TinyModel.forward(_run(0, POSITION));
    }

    /// @dev One value is another one.
    function _bent(uint256 tensor, uint256 index) internal pure returns (Trace memory trace) {
        trace = _right();
        TinyModel.bend(trace, tensor, index);
    }

    function _answerAs(address who, Case memory accused, Trace memory trace) internal returns (AnswerAt memory which) {
        bytes32[] memory roots = TinyModel.tensorRoots(trace);
        which.traceRoot = TinyModel.traceRoot(roots);
        VM.prank(who);
        which.place = judge.answer(accused, roots);
    }

    function _demandTensor(Case memory accused, AnswerAt memory which, uint16 number) internal {
        VM.prank(accused.accuser);
        judge.demandTensor(accused, which, number);
    }

    function _postGroups(Case memory accused, AnswerAt memory which, Trace memory trace, uint16 number) internal {
        bytes32[] memory proof = TinyModel.tensorProof(TinyModel.tensorRoots(trace), number);
        judge.postGroups(accused, which, number, TinyModel.opAt(number), TinyModel.groupRoots(trace, number), proof);
    }

    function _demandGroup(Case memory accused, AnswerAt memory which) internal {
        VM.prank(accused.accuser);
        judge.demandGroup(accused, which, 0);
    }

    function _groupProof(Trace memory trace, uint256 number) internal pure returns (bytes32[] memory) {
        bytes32[] memory beside = TinyModel.tensorProof(TinyModel.tensorRoots(trace), number);
        return Lists.joined(TinyModel.groupProof(trace, number), beside);
    }

    /// @dev One of the logits.
    function _logitProof(Trace memory trace, uint256 position, uint256 v)
        internal
        pure
        returns (ElementProof memory proof)
    {
        (proof.head, proof.op, proof.place) = (TinyModel.head(), TinyModel.opAt(1), ElementPlace(0, position, 0, v));
        proof.run = TinyModel.run(trace, 1, position * TinyModel.VOCAB + v, 1);
        proof.operands = new Operand[](2);
        proof.operands[0] = TinyModel.operand(trace, 0, position * TinyModel.WIDTH, TinyModel.WIDTH);
        proof.operands[1] = TinyModel.constantRow(1, v);
    }

    function _proveLogit(Case memory accused, AnswerAt memory which, Trace memory trace, uint256 v) internal {
        ElementProof memory proof = _logitProof(trace, POSITION - 1, v);
        uint256[] memory now_ = set;
        judge.proveElement(accused, which, proof, now_);
    }

    function _passTime(uint256 time) internal {
        VM.warp(block.timestamp + time);
    }

    function _conclude(Case memory accused) internal {
        uint256[] memory now_ = set;
        judge.conclude(accused, now_);
    }

    function _withdraw(address who) internal {
        VM.prank(who);
        judge.withdraw();
    }

    function _stageOf(Case memory accused, AnswerAt memory which) internal view returns (Stage) {
        return judge.answerOf(_idOf(accused), which.place).stage;
    }

    function _isConvicted() internal view returns (bool) {
        return registry.operatorOf(_owner(AUTHOR)).status == OperatorStatus.Convicted && judge.isVoid(turn);
    }

    function _noProof(string memory part) internal {
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNotProven.selector, part));
    }
}
