// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Case, IInferenceCourt} from "../interfaces/IInferenceCourt.sol";
import {TokensSnapshot} from "../libraries/TokensSnapshot.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";
import {Place} from "../test/Bodies.sol";
import {InferenceFixture} from "../test/InferenceFixture.sol";
import {TinyModel} from "../test/TinyModel.sol";
import {Scene} from "../test/TurnFixture.sol";
import {VM} from "../test/Vm.sol";

/// Who may be accused, and of what.
contract InferenceCourtAccusedTest is InferenceFixture {
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function test_TheCaseIsWhatTheSnapshotsSay() public {
        Case memory accused = _accuse();
        assert(accused.turn == turn && accused.position == 6 && accused.token == _idAt(6));
        assert(accused.operator == _owner(AUTHOR) && accused.contextRoot == _root(8));
        assert(accused.model == TinyModel.root() && accused.constants == 2 && accused.tensors == 2);
        assert(accused.requestId == WeftHash.requestId(request));
        assert(accused.temperature == 80 && accused.gate == 0 && accused.memoryId == 0);
        assert(accused.opened == open.number && accused.written == tokens.number);
        assert(accused.accuser == ACCUSER && accused.bond == BOND);
    }

    function test_OnlyWhatTheAuthorAnswersForIsAccused() public {
        for (uint32 position = 5; position < 9; position += 3) {
            VM.expectRevert(
                abi.encodeWithSelector(TokensSnapshot.TokensSnapshotPositionOutOfRange.selector, position, 6, 2)
            );
            _file(ACCUSER, position, MOST);
        }
        tokens.body[40] = 0x09;
        _noProof("tokens");
        _file(ACCUSER, 6, MOST);
    }

    function test_GivenTokensAreNobodysAnswerButCarriedOnesAre() public {
        _write(GIVEN);
        _noProof("position");
        _file(ACCUSER, 6, MOST);
        _write(CARRIED);
        _accuse();
    }

    function test_WhatComesBeforeTheRequestsOwnLengthWasTakenOver() public {
        tokens = _proof(_say(2, _alone(_tokens(Place(1, 2), 5, 8, CARRIED))), 0);
        _noProof("position");
        _file(ACCUSER, 5, MOST);
        _accuse();
    }

    function test_TokensAreOfThatTurnAndAuthor() public {
        SnapshotProof memory right = open;
        open = _proof(_say(3, _alone(_open())), 0);
        _noProof("turn");
        _file(ACCUSER, 6, MOST);
        open = right;
        tokens = _proof(_sayAs(2, RUN, 2, _alone(_tokens(Place(1, 2), 6, 8, WRITTEN))), 0);
        _noProof("operator");
        _file(ACCUSER, 6, MOST);
        open = tokens;
        _noProof("open");
        _file(ACCUSER, 6, MOST);
    }

    function test_OnlyWhatOpensATurnIsReadAsThat() public {
        bytes memory body = _open();
        body[0] = 0x02;
        open = _proof(_say(1, _alone(body)), 0);
        _noProof("open");
        _file(ACCUSER, 6, MOST);
        open = _proof(_say(1, _alone(bytes.concat(_open(), hex"00"))), 0);
        _noProof("open");
        _file(ACCUSER, 6, MOST);
        open = _proof(_say(1, _alone(_open())), 0);
        _accuse();
    }

    /// Nothing comes before the first token of a context, so no forward pass led to it.
    function test_NobodyAnswersForTheFirstTokenOfAContext() public {
        (request.lengthBefore, request.lengthAfter) = (0, 0);
        open = _proof(_say(1, _alone(_open())), 0);
        tokens = _proof(_say(2, _alone(_tokens(Place(1, 2), 0, 2, WRITTEN))), 0);
        _noProof("position");
        _file(ACCUSER, 0, MOST);
        _file(ACCUSER, 1, MOST);
    }

    function test_OnlyExactModelsAreDisputed() public {
        request.model = keccak256("floats");
        models.registerTolerant(request.model, "there");
        open = _proof(_say(1, _alone(_open())), 0);
        _noProof("model");
        _file(ACCUSER, 6, MOST);
    }

    function test_AMemoryIsThatOfACheckpointOfTheLedger() public {
        (request.gate, request.memoryId, request.memoryCheckpoint) = (2, keccak256("memory"), 1);
        request.memoryCheckpointHash = keccak256("none");
        open = _proof(_say(1, _alone(_open())), 0);
        _noProof("memory checkpoint");
        _file(ACCUSER, 6, MOST);
    }

    function test_WhatFellIsNotAccused() public {
        bytes32 hash = ledger.checkpointHash(tokens.number);
        uint64 number = tokens.number;
        VM.prank(GUARD);
        guardian.invalidate(ledger, number, hash);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtFallen.selector, number));
        _file(ACCUSER, 6, MOST);
    }

    function test_ForTheRetentionTimeAndNoLonger() public {
        VM.warp(made + RETENTION - 1);
        _accuse();
        VM.warp(made + RETENTION);
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceCourt.InferenceCourtRetentionOver.selector, block.timestamp)
        );
        _accuseAs(HELPER);
    }

    function test_WhoHasNoStakeLeftIsNotAccused() public {
        _convict(AUTHOR);
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceCourt.InferenceCourtNotSlashable.selector, _owner(AUTHOR))
        );
        _file(ACCUSER, 6, MOST);
    }

    function _accuseBy(address accuser, bytes memory ofOpen, bytes memory ofTokens) private {
        (SnapshotProof memory a, SnapshotProof memory b) = (open, tokens);
        VM.prank(accuser);
        judge.accuse(a, ofOpen, b, ofTokens, POSITION, MOST);
    }

    /// @dev Neither segment counts with that signature, by `signer`.
    function _isForeign(bytes memory signature, bool ofOpen, address signer) private {
        bytes memory right = _signature(ofOpen ? tokens : open);
        VM.expectRevert(
            abi.encodeWithSelector(
                IInferenceCourt.InferenceCourtForeignSigner.selector, signer, _owner(AUTHOR)
            )
        );
        _accuseBy(ACCUSER, ofOpen ? signature : right, ofOpen ? right : signature);
    }

    /// A quorum that lies can commit to whatever it makes up.
    function test_NobodyIsAccusedOfWhatItDidNotSign() public {
        for (uint256 i = 0; i < 2; ++i) {
            bool ofOpen = i == 0;
            SnapshotProof memory said = ofOpen ? open : tokens;
            _isForeign("", ofOpen, address(0));
            _isForeign(_sign(_key(2), _digest(said)), ofOpen, _signer(2));
            _isForeign(_sign(_key(9), _digest(said)), ofOpen, _signer(9));
            bytes memory other = _signature(ofOpen ? tokens : open);
            _isForeign(other, ofOpen, ECDSA.recover(_digest(said), other));
            _isForeign(_high(said), ofOpen, address(0));
        }
        _accuse();
    }

    /// @dev The author's signature that has the higher s of the two.
    function _high(SnapshotProof memory said) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(_key(AUTHOR), _digest(said));
        return abi.encodePacked(r, CURVE_ORDER - uint256(s), v == 27 ? uint8(28) : uint8(27));
    }

    function test_KeysThatAnOperatorHasOrHadAreItsWord() public {
        bytes memory consent = _consent(AUTHOR, 9);
        VM.prank(_owner(AUTHOR));
        registry.rotateSigner(_signer(9), consent);
        _accuse();
        _accuseBy(HELPER, _sign(_key(9), _digest(open)), _signature(tokens));
    }

    function test_OfOneSegmentTheSameSignatureCountsTwice() public {
        bytes[] memory before = _beginning();
        bytes[] memory all = new bytes[](4);
        (all[0], all[1], all[2]) = (before[0], before[1], before[2]);
        all[3] = _tokens(Place(1, 2), POSITION, POSITION + 2, WRITTEN);
        Scene memory said = _say(1, all);
        (open, tokens) = (_proof(said, 0), _proof(said, 3));
        bytes memory signature = _signature(open);
        _accuseBy(ACCUSER, signature, signature);
    }
}
