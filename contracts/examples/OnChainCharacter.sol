// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IWeftReader, ProvenClose, ProvenTokens} from "../interfaces/IWeftReader.sol";
import {TokensSnapshot} from "../libraries/TokensSnapshot.sol";
import {WeftHash} from "../libraries/WeftHash.sol";
import {Request, SnapshotProof} from "../libraries/WeftTypes.sol";
import {CanonicalAnswers} from "../readers/CanonicalAnswers.sol";

/// @title OnChainCharacter
/// @notice A character whose every line is what an exact model says next in its own story, proven token by token. Nobody
/// chooses what it says: the contract fixes every field of the request, the nonce from a block after the question, and
/// takes the canonical answer.
contract OnChainCharacter is CanonicalAnswers {
    /// @dev Block hashes are known for as many blocks.
    uint256 private constant HASHES_KEPT = 256;

    /// @notice What stays the same from line to line; see `Request`.
    struct Voice {
        bytes32 model;
        bytes32 parameters;
        uint32 maxLength; // tokens of a line
        uint32 patience; // seconds, after which a question without an answer may be asked again
    }

    /// @notice What the next line is asked with; zeros while nothing is asked.
    struct Question {
        uint64 askedIn; // block number; the next block's hash is the nonce
        uint64 askedAt; // block time
        bytes32 requestId; // zero until it is drawn
    }

    Voice private _voice;
    Question private _question;
    bytes32 private _contextRoot;
    uint32 private _contextLength;
    uint32 private _lines;
    mapping(uint256 line => bytes32) private _hashes;

    event LineAsked(uint256 indexed line, uint64 askedIn);
    event LineDrawn(uint256 indexed line, bytes32 indexed requestId, Request request);
    /// @notice The character said these tokens.
    event LineTold(uint256 indexed line, bytes32 indexed turn, address indexed operator, uint32[] tokens);

    /// @notice A line is being asked for.
    error OnChainCharacterBusy(uint64 until);
    /// @notice The nonce is not known yet, or not any more, or was drawn; block number.
    error OnChainCharacterNoNonce(uint64 askedIn);
    /// @notice Nothing was drawn that could be answered.
    error OnChainCharacterSilent();
    /// @notice These tokens do not continue the line: another turn, or a gap.
    error OnChainCharacterBrokenLine(uint32 expected, uint32 first);
    /// @notice The tokens end before the line does, or after it.
    error OnChainCharacterUnfinishedLine(uint32 expected, uint32 length);

    /// @param contextRoot Root over the tokens that the story begins with.
    /// @param contextLength Their number.
    constructor(
        IWeftReader reader_,
        uint32 claimWindow_,
        Voice memory voice_,
        bytes32 contextRoot,
        uint32 contextLength
    ) CanonicalAnswers(reader_, claimWindow_) {
        _voice = voice_;
        _contextRoot = contextRoot;
        _contextLength = contextLength;
    }

    /// @notice Asks for the next line. Anyone may, also again when nobody has answered for too long.
    function ask() external {
        Question memory asked = _question;
        uint64 until = asked.askedAt + _voice.patience;
        bool waits = asked.askedAt != 0 && block.timestamp < until;
        if (waits || _isClaimed(asked.requestId)) revert OnChainCharacterBusy(until);
        _question = Question(uint64(block.number), uint64(block.timestamp), 0);
        emit LineAsked(_lines, uint64(block.number));
    }

    /// @notice Fixes the request, from the second block after the question on. Anyone may.
    function draw() external returns (bytes32 requestId) {
        Question storage asked = _question;
        uint64 askedIn = asked.askedIn;
        bool known = block.number > askedIn + 1 && block.number <= askedIn + HASHES_KEPT;
        if (askedIn == 0 || asked.requestId != 0 || !known) revert OnChainCharacterNoNonce(askedIn);
        Voice memory voice = _voice;
        Request memory request;
        request.requester = bytes32(uint256(uint160(address(this))));
        request.nonce = blockhash(askedIn + 1);
        request.model = voice.model;
        request.contextBefore = _contextRoot;
        request.lengthBefore = _contextLength;
        request.contextAfter = _contextRoot;
        request.lengthAfter = _contextLength;
        request.parameters = voice.parameters;
        request.maxLength = voice.maxLength;
        requestId = WeftHash.requestId(request);
        asked.requestId = requestId;
        emit LineDrawn(_lines, requestId, request);
    }

    /// @notice Shows an answer: the `TurnClose` of a turn in a final checkpoint. Anyone may.
    function claim(SnapshotProof calldata proof) external {
        bytes32 requestId = _question.requestId;
        if (requestId == 0) revert OnChainCharacterSilent();
        _claim(requestId, requestId, proof);
    }

    /// @notice Says the canonical answer once its claim window is over. Anyone may.
    /// @param proofs The `Tokens` snapshots of its turn from the end of the story on, in order.
    function tell(SnapshotProof[] calldata proofs) external {
        ProvenClose memory close = _settled(_question.requestId);
        uint32 next = _contextLength;
        uint32[] memory line = new uint32[](close.length - next);
        uint256 told = 0;
        bytes32 root = _contextRoot;
        for (uint256 i = 0; i < proofs.length; ++i) {
            ProvenTokens memory part = _reader.proveTokens(proofs[i]);
            if (part.turn != close.turn || part.first != next || part.kind == TokensSnapshot.GIVEN) {
                revert OnChainCharacterBrokenLine(next, part.first);
            }
            for (uint256 k = 0; k < part.ids.length; ++k) {
                if (told == line.length) revert OnChainCharacterUnfinishedLine(close.length, next);
                line[told++] = part.ids[k];
                ++next;
            }
            root = part.contextRoot;
        }
        if (next != close.length || root != close.contextRoot) {
            revert OnChainCharacterUnfinishedLine(close.length, next);
        }
        _contextRoot = root;
        _contextLength = next;
        _hashes[_lines] = keccak256(abi.encodePacked(line));
        delete _question;
        emit LineTold(_lines++, close.turn, close.place.operator, line);
    }

    /// @notice How many lines were told.
    function lines() external view returns (uint32) {
        return _lines;
    }

    /// @notice Hash of a line's token ids, one word each.
    function lineHash(uint256 line) external view returns (bytes32) {
        return _hashes[line];
    }

    /// @notice Root and length of the story so far.
    function context() external view returns (bytes32 root, uint32 length) {
        return (_contextRoot, _contextLength);
    }

    /// @notice What is being asked.
    function question() external view returns (Question memory) {
        return _question;
    }
}
