// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {WeftHash} from "../libraries/WeftHash.sol";
import {Request, SnapshotProof} from "../libraries/WeftTypes.sol";
import {CanonicalAnswers} from "../readers/CanonicalAnswers.sol";
import {AnswerFixture} from "../test/AnswerFixture.sol";
import {Proofs} from "../test/Proofs.sol";
import {VM} from "../test/Vm.sol";
import {OnChainCharacter} from "./OnChainCharacter.sol";

contract OnChainCharacterTest is AnswerFixture {
    uint32 private constant BEGINNING = 5;
    bytes32 private constant BEFORE = keccak256("before");
    bytes32 private constant MIDDLE = keccak256("middle");
    bytes32 private constant END = keccak256("end");
    uint32 private constant PATIENCE = 1000;

    OnChainCharacter private _character;

    function setUp() public override {
        super.setUp();
        VM.roll(100);
        _character = new OnChainCharacter(
            reader,
            CLAIM_WINDOW,
            OnChainCharacter.Voice(keccak256("model"), keccak256("parameters"), 8, PATIENCE),
            BEFORE,
            BEGINNING
        );
    }

    /// The line is exactly the tokens of the canonical answer, whatever they are and however they are cut in two.
    function testFuzz_TellsTheTokensOfTheCanonicalAnswer(uint32[5] memory tokens, uint8 cut) public {
        bytes32 request = _drawn();
        _character.claim(_close(0, 2, 0, 0, request, BEGINNING + 5));
        VM.warp(block.timestamp + CLAIM_WINDOW);
        uint32 first = uint32(cut % 4) + 1;
        SnapshotProof[] memory parts = new SnapshotProof[](2);
        parts[0] = _part(BEGINNING, 2, MIDDLE, tokens, 0, first);
        parts[1] = _part(BEGINNING + first, 3, END, tokens, first, 5);
        _character.tell(parts);
        (bytes32 root, uint32 length) = _character.context();
        assert(root == END && length == BEGINNING + 5 && _character.lines() == 1);
        assert(_character.lineHash(0) == keccak256(abi.encodePacked(_list(tokens, 0, 5))));
        assert(_character.question().askedIn == 0);
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerNotSettled.selector, uint64(0)));
        _character.tell(parts);
    }

    function test_ABrokenLineIsNotTold() public {
        uint32[5] memory tokens = [uint32(1), 2, 3, 4, 5];
        bytes32 request = _drawn();
        SnapshotProof[] memory parts = new SnapshotProof[](1);
        _character.claim(_close(0, 2, 0, 0, request, BEGINNING + 4));
        parts[0] = _part(BEGINNING, 3, END, tokens, 0, 4);
        uint64 closesAt = uint64(block.timestamp) + CLAIM_WINDOW;
        VM.expectRevert(abi.encodeWithSelector(CanonicalAnswers.AnswerNotSettled.selector, closesAt));
        _character.tell(parts);
        VM.warp(closesAt);
        _refuses(_part(BEGINNING + 1, 3, END, tokens, 0, 4), _broken(BEGINNING + 1));
        _refuses(_part(BEGINNING, 1, END, tokens, 0, 4), _broken(BEGINNING));
        SnapshotProof memory other =
            Proofs.proofAt(_owner(0), 2, 1, 0, Proofs.tokensBody(keccak256("x"), BEGINNING, 3, END, _list(tokens, 0, 4)));
        mock.accept(other);
        _refuses(other, _broken(BEGINNING));
        _refuses(_part(BEGINNING, 3, END, tokens, 0, 3), _unfinished(BEGINNING + 3));
        _refuses(_part(BEGINNING, 3, END, tokens, 0, 5), _unfinished(BEGINNING + 4));
        _refuses(_part(BEGINNING, 3, MIDDLE, tokens, 0, 4), _unfinished(BEGINNING + 4));
        _character.tell(parts);
    }

    /// The nonce comes from the block after the question, so who asks does not know what it asks.
    function test_TheNonceComesLater() public {
        VM.expectRevert(abi.encodeWithSelector(OnChainCharacter.OnChainCharacterNoNonce.selector, uint64(0)));
        _character.draw();
        _character.ask();
        VM.expectRevert(OnChainCharacter.OnChainCharacterSilent.selector);
        _character.claim(Proofs.proofAt(_owner(0), 2, 0, 0, ""));
        bytes memory none = abi.encodeWithSelector(OnChainCharacter.OnChainCharacterNoNonce.selector, uint64(100));
        VM.roll(101);
        VM.expectRevert(none);
        _character.draw();
        VM.roll(357);
        VM.expectRevert(none);
        _character.draw();
        VM.roll(356);
        assert(_character.draw() == _request(blockhash(101)) && blockhash(101) != blockhash(100));
        VM.expectRevert(none);
        _character.draw();
    }

    function test_AQuestionIsAskedAgainOnlyWhenNobodyAnswers() public {
        bytes32 request = _drawn();
        uint64 until = uint64(block.timestamp) + PATIENCE;
        bytes memory busy = abi.encodeWithSelector(OnChainCharacter.OnChainCharacterBusy.selector, until);
        VM.expectRevert(busy);
        _character.ask();
        _character.claim(_close(0, 2, 0, 0, request, BEGINNING + 4));
        VM.warp(until);
        VM.expectRevert(busy);
        _character.ask();
        _convict(0);
        _character.ask();
        assert(_character.question().requestId == 0);
    }

    /// @dev Everything but the nonce is the contract's.
    function _request(bytes32 nonce) private view returns (bytes32) {
        Request memory request;
        request.requester = bytes32(uint256(uint160(address(_character))));
        request.nonce = nonce;
        request.model = keccak256("model");
        (request.contextBefore, request.lengthBefore) = (BEFORE, BEGINNING);
        (request.contextAfter, request.lengthAfter) = (BEFORE, BEGINNING);
        request.parameters = keccak256("parameters");
        request.maxLength = 8;
        return WeftHash.requestId(request);
    }

    function _drawn() private returns (bytes32) {
        _character.ask();
        VM.roll(102);
        return _character.draw();
    }

    function _list(uint32[5] memory tokens, uint256 from, uint256 to) private pure returns (uint32[] memory ids) {
        ids = new uint32[](to - from);
        for (uint256 i = from; i < to; ++i) {
            ids[i - from] = tokens[i];
        }
    }

    function _part(uint32 first, uint8 kind, bytes32 root, uint32[5] memory tokens, uint256 from, uint256 to)
        private
        returns (SnapshotProof memory proof)
    {
        proof = Proofs.proofAt(_owner(0), 2, 0, first, Proofs.tokensBody(TURN, first, kind, root, _list(tokens, from, to)));
        mock.accept(proof);
    }

    function _broken(uint32 first) private pure returns (bytes memory) {
        return abi.encodeWithSelector(OnChainCharacter.OnChainCharacterBrokenLine.selector, BEGINNING, first);
    }

    function _unfinished(uint32 length) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            OnChainCharacter.OnChainCharacterUnfinishedLine.selector, BEGINNING + 4, length
        );
    }

    function _refuses(SnapshotProof memory part, bytes memory why) private {
        SnapshotProof[] memory parts = new SnapshotProof[](1);
        parts[0] = part;
        VM.expectRevert(why);
        _character.tell(parts);
    }
}
