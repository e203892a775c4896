// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AccusationState,
    Answer,
    AnswerAt,
    Case,
    ElementProof,
    IInferenceCourt,
    Stage
} from "../../interfaces/IInferenceCourt.sol";
import {InferenceFixture} from "../../test/InferenceFixture.sol";
import {TinyModel, Trace} from "../../test/TinyModel.sol";
import {VM} from "../../test/Vm.sol";

/// Whatever anybody does in whatever order, the court has what is bonded and what it owes, no more and no less, and knows
/// how much is open.
contract AccusationsMoneyTest is InferenceFixture {
    uint256 private constant STEPS = 16;

    address[] private _people;
    bytes[] private _cases;
    bytes32[] private _rightRoots;
    bytes32[] private _wrongRoots;
    bytes private _evidence;
    bytes private _accusation;
    uint256 private _done;

    function setUp() public override {
        super.setUp();
        _people = [ACCUSER, HELPER, _owner(AUTHOR), _signer(AUTHOR)];
        Trace memory lie = _bent(1, 4 * (POSITION - 1) + 2);
        (_rightRoots, _wrongRoots) = (TinyModel.tensorRoots(_right()), TinyModel.tensorRoots(lie));
        _evidence = abi.encode(_logitProof(lie, POSITION - 1, 2));
        (bytes memory ofOpen, bytes memory ofTokens) = (_signature(open), _signature(tokens));
        _accusation = abi.encodeCall(IInferenceCourt.accuse, (open, ofOpen, tokens, ofTokens, POSITION, MOST));
        _try(ACCUSER, _accusation);
    }

    function _try(address who, bytes memory call) private returns (bool ok) {
        bytes memory result;
        VM.prank(who);
        (ok, result) = address(judge).call(call);
        if (!ok) return false;
        ++_done;
        if (bytes4(call) != IInferenceCourt.accuse.selector) return true;
        (, Case memory accused) = abi.decode(result, (bytes32, Case));
        _cases.push(abi.encode(accused));
    }

    function testFuzz_ItHasWhatIsBondedAndWhatItOwes(uint256 seed) public {
        for (uint256 i = 0; i < STEPS; ++i) {
            _step(uint256(keccak256(abi.encode(seed, i))));
            _assertSolvent();
        }
        _passTime(ANSWER + MOVE);
        for (uint256 i = 0; i < _cases.length; ++i) {
            Case memory accused = abi.decode(_cases[i], (Case));
            _try(HELPER, abi.encodeCall(IInferenceCourt.conclude, (accused, set)));
            assert(judge.accusationOf(_idOf(accused)).state != AccusationState.Open);
        }
        _assertSolvent();
        for (uint256 i = 0; i < _people.length; ++i) {
            _try(_people[i], abi.encodeCall(IInferenceCourt.withdraw, ()));
        }
        assert(token.balanceOf(address(judge)) == 0 && _done > 1);
    }

    function _step(uint256 draw) private {
        address who = _people[(draw >> 8) % _people.length];
        Case memory accused = abi.decode(_cases[(draw >> 16) % _cases.length], (Case));
        AnswerAt memory which;
        which.place = (draw >> 24) % 3;
        which.traceRoot = judge.answerOf(_idOf(accused), which.place).traceRoot;
        uint256 kind = draw % 8;
        if (kind == 0) {
            _try(who, _accusation);
        } else if (kind < 3) {
            bytes32[] memory roots = (draw >> 32) % 2 == 0 ? _rightRoots : _wrongRoots;
            _try(who, abi.encodeCall(IInferenceCourt.answer, (accused, roots)));
        } else if (kind == 3) {
            _try(accused.accuser, abi.encodeCall(IInferenceCourt.demandTensor, (accused, which, 1)));
        } else if (kind == 4) {
            ElementProof memory proof = abi.decode(_evidence, (ElementProof));
            _try(who, abi.encodeCall(IInferenceCourt.proveElement, (accused, which, proof, set)));
        } else if (kind == 5) {
            _passTime(1 + (draw >> 40) % 3);
        } else if (kind == 6) {
            _try(who, abi.encodeCall(IInferenceCourt.conclude, (accused, set)));
        } else {
            _try(who, abi.encodeCall(IInferenceCourt.withdraw, ()));
        }
    }

    function _assertSolvent() private view {
        uint256 bonded = 0;
        uint256 open_ = 0;
        for (uint256 i = 0; i < _cases.length; ++i) {
            Case memory accused = abi.decode(_cases[i], (Case));
            bytes32 id = _idOf(accused);
            if (judge.accusationOf(id).state != AccusationState.Open) continue;
            ++open_;
            bonded += accused.bond;
            for (uint256 place = 0; place <= 4; ++place) {
                Answer memory given = judge.answerOf(id, place);
                if (given.stage != Stage.None && given.stage != Stage.Defeated) bonded += BOND;
            }
        }
        assert(judge.openAccusations(turn) == open_ && judge.bondOf(_owner(AUTHOR)) == BOND * (1 + open_));
        for (uint256 i = 0; i < _people.length; ++i) {
            bonded += judge.creditOf(_people[i]);
        }
        assert(token.balanceOf(address(judge)) == bonded);
    }
}
