// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {IWeftReader, Place, ProvenClose, ProvenTokens} from "../interfaces/IWeftReader.sol";
import {TokensSnapshot} from "../libraries/TokensSnapshot.sol";
import {TurnCloseSnapshot} from "../libraries/TurnCloseSnapshot.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";

/// @title WeftReader
/// @notice Reads what final checkpoints contain; see the interface.
contract WeftReader is IWeftReader {
    uint256 private constant MOST_SUCCESSIONS = 8;

    /// @inheritdoc IWeftReader
    ICheckpointLedger public immutable origin;

    constructor(ICheckpointLedger origin_) {
        origin = origin_;
    }

    /// @inheritdoc IWeftReader
    function current() public view returns (ICheckpointLedger ledger) {
        ledger = origin;
        for (uint256 hop = 0; hop < MOST_SUCCESSIONS; ++hop) {
            ICheckpointLedger next = _next(ledger);
            if (address(next) == address(0)) return ledger;
            ledger = next;
        }
    }

    /// @inheritdoc IWeftReader
    function latestFinal() external view returns (ICheckpointLedger ledger, uint64 number, bytes32 hash) {
        ledger = current();
        (number, hash) = ledger.latestFinal();
    }

    /// @inheritdoc IWeftReader
    function locate(SnapshotProof calldata proof) public view returns (Place memory) {
        ICheckpointLedger ledger = origin;
        // A header's hash names its ledger, so at most one of them has the snapshot.
        for (uint256 hop = 0; hop <= MOST_SUCCESSIONS && address(ledger) != address(0); ++hop) {
            if (ledger.verifySnapshot(proof)) {
                if (!ledger.isFinal(proof.number)) revert WeftReaderNotFinal(proof.number);
                uint256 order = hop << 128 | uint256(proof.number) << 64 | uint256(proof.segmentIndex) << 32
                    | proof.snapshotIndex;
                return Place(ledger, proof.header.operator, order);
            }
            ledger = _next(ledger);
        }
        revert WeftReaderNotIncluded(proof.number, proof.segmentIndex, proof.snapshotIndex);
    }

    /// @inheritdoc IWeftReader
    function proveTokens(SnapshotProof calldata proof) external view returns (ProvenTokens memory proven) {
        bytes calldata body = proof.body;
        TokensSnapshot.validate(body);
        proven.place = locate(proof);
        proven.turn = TokensSnapshot.turn(body);
        proven.first = TokensSnapshot.firstPosition(body);
        proven.kind = TokensSnapshot.tokenKind(body);
        proven.contextRoot = TokensSnapshot.contextRoot(body);
        proven.ids = TokensSnapshot.tokens(body);
    }

    /// @inheritdoc IWeftReader
    function proveToken(SnapshotProof calldata proof, uint32 position)
        external
        view
        returns (uint32 token, uint8 kind, bytes32 turn, address operator)
    {
        bytes calldata body = proof.body;
        token = TokensSnapshot.tokenAt(body, position);
        kind = TokensSnapshot.tokenKind(body);
        turn = TokensSnapshot.turn(body);
        operator = locate(proof).operator;
    }

    /// @inheritdoc IWeftReader
    function proveClose(SnapshotProof calldata proof) external view returns (ProvenClose memory proven) {
        (proven.turn, proven.requestId, proven.length, proven.contextRoot, proven.reason) =
            TurnCloseSnapshot.read(proof.body);
        proven.place = locate(proof);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IWeftReader).interfaceId || id == type(IERC165).interfaceId;
    }

    /// @dev The successor, once it has taken over; else zero.
    function _next(ICheckpointLedger ledger) private view returns (ICheckpointLedger) {
        if (!ledger.retired()) return ICheckpointLedger(address(0));
        (address next,) = ledger.successor();
        return ICheckpointLedger(next);
    }
}
