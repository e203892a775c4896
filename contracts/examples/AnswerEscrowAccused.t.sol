// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Case} from "../interfaces/IInferenceCourt.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";
import {CanonicalAnswers} from "../readers/CanonicalAnswers.sol";
import {WeftReader} from "../readers/WeftReader.sol";
import {Place} from "../test/Bodies.sol";
import {InferenceFixture} from "../test/InferenceFixture.sol";
import {VM} from "../test/Vm.sol";
import {AnswerEscrow} from "./AnswerEscrow.sol";

/// An order, its answer and a dispute about it, with nothing that is made up.
contract AnswerEscrowAccusedTest is InferenceFixture {
    uint32 private constant CLAIM_WINDOW = 1;
    uint256 private constant PRICE = 7 ether;

    AnswerEscrow private _escrow;
    address[] private _anyone;
    bytes32 private _id;

    function setUp() public override {
        super.setUp();
        ledger.nameTurnCourt(address(judge));
        _escrow = new AnswerEscrow(new WeftReader(ledger), CLAIM_WINDOW);
        bytes32 requestId = WeftHash.requestId(request);
        SnapshotProof memory close = _proof(_say(3, _alone(_close(Place(2, 0), POSITION + 2, 1))), 0);
        _passTime(CHALLENGE_WINDOW);
        _id = _escrow.open{value: PRICE}(requestId, uint64(block.timestamp + 1), _anyone);
        _escrow.claim(_id, close, _anyone);
    }

    function _accused() private returns (Case memory accused) {
        accused = _accuse();
        _passTime(CLAIM_WINDOW);
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerAccused.selector, turn, 1));
        _escrow.settle(_id);
    }

    function test_WhatIsDismissedIsPaid() public {
        Case memory accused = _accused();
        _answerAs(HELPER, accused, _right());
        _passTime(ANSWER + MOVE);
        _conclude(accused);
        _escrow.settle(_id);
        assert(_escrow.creditOf(_owner(AUTHOR)) == PRICE);
    }

    function test_WhatIsVoidIsTakenBack() public {
        Case memory accused = _accused();
        _passTime(ANSWER);
        _conclude(accused);
        assert(_isConvicted());
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerVoid.selector, _owner(AUTHOR)));
        _escrow.settle(_id);
        _escrow.takeBack(_id);
        assert(_escrow.creditOf(address(this)) == PRICE);
    }
}
