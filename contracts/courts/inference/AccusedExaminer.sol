// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ICheckpointLedger} from "../../interfaces/ICheckpointLedger.sol";
import {Case, IInferenceCourt} from "../../interfaces/IInferenceCourt.sol";
import {ExactModel, IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {IOperatorRegistry} from "../../interfaces/IOperatorRegistry.sol";
import {OpenedTurn, OpenSnapshot} from "../../libraries/OpenSnapshot.sol";
import {SnapshotReader} from "../../libraries/SnapshotReader.sol";
import {TokensSnapshot} from "../../libraries/TokensSnapshot.sol";
import {WeftHash} from "../../libraries/WeftHash.sol";
import {Request, SegmentHeader, SnapshotProof} from "../../libraries/WeftTypes.sol";
import {Examiner} from "./Examiner.sol";

/// @title AccusedExaminer
/// @notice Judges who may be accused of what, by the snapshots that are shown.
contract AccusedExaminer is Examiner {
    constructor(ICheckpointLedger ledger_, IModelRegistry models_) Examiner(ledger_, models_) {}

    /// @notice Of which token of which turn an author is accused. Accuser and bond are the court's to add.
    function accuse(
        SnapshotProof calldata open,
        bytes calldata openSignature,
        SnapshotProof calldata tokens,
        bytes calldata tokensSignature,
        uint32 position,
        uint256
    ) external view returns (Case memory accused) {
        _requireSaid(open, openSignature, "open");
        _requireSaid(tokens, tokensSignature, "tokens");
        _readOpen(accused, open);
        _readToken(accused, tokens, position);
    }

    /// @dev The snapshot is in a checkpoint that has not fallen, and its operator has signed the segment. SAFETY: a quorum that
    /// lies commits to what it makes up, and answers for it too late. No signature is that of address zero, which is no
    /// operator's key; and an operator of that address has no stake.
    function _requireSaid(SnapshotProof calldata proof, bytes calldata signature, string memory part) private view {
        _require(_ledger.verifySnapshot(proof), part);
        if (_ledger.checkpoint(proof.number).fallen) revert IInferenceCourt.InferenceCourtFallen(proof.number);
        (address signer,,) = ECDSA.tryRecoverCalldata(_ledger.headerHash(proof.header), signature);
        if (IOperatorRegistry(_ledger.registry()).operatorOfSigner(signer) != proof.header.operator) {
            revert IInferenceCourt.InferenceCourtForeignSigner(signer, proof.header.operator);
        }
    }

    function _readOpen(Case memory accused, SnapshotProof calldata open) private view {
        bytes calldata body = open.body;
        _require(SnapshotReader.opens(body), "open");
        (bool wellFormed, OpenedTurn memory opened) = OpenSnapshot.read(body);
        _require(wellFormed, "open");
        SegmentHeader calldata header = open.header;
        Request memory request = opened.request;
        bytes32 track = WeftHash.trackId(header.operator, header.incarnation);
        accused.turn = WeftHash.turnId(track, header.sequence, open.snapshotIndex);
        (accused.operator, accused.opened) = (header.operator, open.number);
        accused.requestId = WeftHash.requestId(request);
        accused.temperature = OpenSnapshot.temperature(body);
        ExactModel memory model = _models.exactModel(request.model);
        _require(model.headHash != 0, "model");
        (accused.model, accused.constants, accused.tensors) = (request.model, model.constants, model.tensors);
        // What is before it the turn took over, and answers for nowhere.
        accused.position = request.lengthAfter;
        if (request.gate == 0) return;
        // A turn that names a checkpoint which the chain does not have is an orphan: accused of nothing.
        bytes32 hash = _ledger.checkpointHash(request.memoryCheckpoint);
        _require(hash == request.memoryCheckpointHash, "memory checkpoint");
        (accused.gate, accused.memoryId) = (request.gate, request.memoryId);
        (accused.memoryCheckpoint, accused.memoryCheckpointHash) = (request.memoryCheckpoint, hash);
    }

    function _readToken(Case memory accused, SnapshotProof calldata tokens, uint32 position) private pure {
        bytes calldata body = tokens.body;
        accused.token = TokensSnapshot.tokenAt(body, position);
        _require(tokens.header.operator == accused.operator, "operator");
        _require(TokensSnapshot.turn(body) == accused.turn, "turn");
        bool isAnswered = TokensSnapshot.tokenKind(body) != TokensSnapshot.GIVEN;
        _require(isAnswered && position >= accused.position && position > 0, "position");
        (accused.position, accused.contextRoot) = (position, TokensSnapshot.contextRoot(body));
        accused.written = tokens.number;
    }
}
