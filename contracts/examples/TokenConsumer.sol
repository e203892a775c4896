// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {ITokenConsumer, ProvenToken} from "../interfaces/ITokenConsumer.sol";
import {TokensSnapshot} from "../libraries/TokensSnapshot.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";

/// @title TokenConsumer
/// @notice A dApp that acts on the words of a story: it believes a token only when a final checkpoint contains it.
/// @dev A checkpoint asserts what was said, so what is stored here includes who said it and whether the operator wrote
/// the token itself: whoever acts on an answer requires kind 3, its own turn and an operator that it accepts, because
/// anybody can put the token that it wishes for into a prompt.
contract TokenConsumer is ITokenConsumer {
    ICheckpointLedger private immutable _ledger;
    mapping(bytes32 turn => mapping(uint32 position => ProvenToken)) private _tokens;

    constructor(ICheckpointLedger ledger_) {
        _ledger = ledger_;
    }

    /// @inheritdoc ITokenConsumer
    function prove(SnapshotProof calldata proof, uint32 position, uint32 expectedToken) external {
        if (!_ledger.isFinal(proof.number)) revert TokenConsumerNotFinal(proof.number);
        if (!_ledger.verifySnapshot(proof)) {
            revert TokenConsumerNotIncluded(proof.number, proof.segmentIndex, proof.snapshotIndex);
        }
        bytes calldata body = proof.body;
        uint32 token = TokensSnapshot.tokenAt(body, position);
        if (token != expectedToken) revert TokenConsumerUnexpectedToken(position, expectedToken, token);
        bytes32 turn = TokensSnapshot.turn(body);
        // SAFETY: records are write-once; proving a token again could only change what others have read.
        if (_tokens[turn][position].operator != address(0)) revert TokenConsumerAlreadyProven(turn, position);
        address operator = proof.header.operator;
        uint8 tokenKind = TokensSnapshot.tokenKind(body);
        _tokens[turn][position] = ProvenToken(operator, proof.number, token, tokenKind);
        emit TokenProven(turn, position, operator, token, tokenKind, proof.number);
    }

    /// @inheritdoc ITokenConsumer
    function tokenOf(bytes32 turn, uint32 position) external view returns (ProvenToken memory) {
        return _tokens[turn][position];
    }

    /// @inheritdoc ITokenConsumer
    function ledger() external view returns (address) {
        return address(_ledger);
    }
}
