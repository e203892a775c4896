// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICheckpointLedger} from "./interfaces/ICheckpointLedger.sol";
import {IOperatorRegistry, RegistryParameters} from "./interfaces/IOperatorRegistry.sol";
import {IQuorumVerifier} from "./interfaces/IQuorumVerifier.sol";
import {ITurnCourt} from "./interfaces/ITurnCourt.sol";
import {CheckpointChain} from "./ledger/CheckpointChain.sol";
import {EcdsaQuorum} from "./ledger/EcdsaQuorum.sol";
import {HeadWord, LedgerWords} from "./libraries/LedgerWords.sol";
import {OperatorSet} from "./libraries/OperatorSet.sol";
import {WeftHash} from "./libraries/WeftHash.sol";
import {WeftTree} from "./libraries/WeftTree.sol";
import {Checkpoint, SegmentHeader, SnapshotProof} from "./libraries/WeftTypes.sol";

/// @title CheckpointLedger
/// @notice Takes checkpoints from quorums and proves what they contain; see the interface.
contract CheckpointLedger is CheckpointChain, EcdsaQuorum, EIP712 {
    using SafeCast for uint256;

    uint32 private immutable _challengeWindow;
    uint32 private immutable _noticeSeconds;
    uint256 private immutable _deploymentBlock;
    address private _successor;

    /// @inheritdoc ICheckpointLedger
    address public turnCourt;

    /// @dev Writes checkpoint 0, which is final at once, so that the first turns have something to refer to.
    constructor(IOperatorRegistry registry_)
        CheckpointChain(registry_)
        EIP712(WeftHash.DOMAIN_NAME, WeftHash.DOMAIN_VERSION)
    {
        RegistryParameters memory parameters = registry_.parameters();
        _challengeWindow = parameters.challengeWindowSeconds;
        _noticeSeconds = parameters.unbondingSeconds;
        _deploymentBlock = block.number;

        Checkpoint memory genesis = Checkpoint({
            number: 0,
            parent: keccak256("Weft genesis"),
            registryPosition: 0,
            registryHash: registry_.positionHash(0),
            cutRoot: WeftTree.emptyRoot(WeftTree.CUT),
            entryCount: 0,
            segmentsRoot: WeftTree.emptyRoot(WeftTree.SEGMENTS),
            segmentCount: 0,
            memoryRoot: WeftTree.emptyRoot(WeftTree.MEMORY),
            memoryTraceRoot: WeftTree.emptyRoot(WeftTree.MEMORY_TRACE)
        });
        bytes32 hash = WeftHash.checkpointHash(_domainSeparatorV4(), genesis);
        _append(genesis, hash, registry_.activeTime(), 0, 0, 0);
    }

    /// @inheritdoc ICheckpointLedger
    function commit(Checkpoint calldata checkpoint_, uint256[] calldata set, bytes calldata signatures) external {
        Checkpoint memory next = checkpoint_; // once: it is hashed and emitted from memory
        HeadWord head = _head;
        if (next.number != head.last() + 1) revert CheckpointLedgerWrongNumber(head.last() + 1, next.number);
        bytes32 parent = _records[head.number()].hash;
        if (next.parent != parent) revert CheckpointLedgerWrongParent(parent, next.parent);
        if (next.cutRoot == 0 || next.segmentsRoot == 0 || next.memoryRoot == 0 || next.memoryTraceRoot == 0) {
            revert CheckpointLedgerZeroRoot();
        }
        if (next.entryCount > 1 << WeftTree.CUT_DEPTH || next.segmentCount > 1 << WeftTree.SEGMENTS_DEPTH) {
            revert CheckpointLedgerTooMany(next.entryCount, next.segmentCount);
        }
        uint64 activeNow = _checkStanding(next, head.registryPosition(), OperatorSet.hash(set));
        if (_isRetired(head, activeNow)) revert CheckpointLedgerRetired(_successor);

        bytes32 hash = WeftHash.checkpointHash(_domainSeparatorV4(), next);
        (uint256 signedStake, uint256 totalStake) = countStake(hash, set, signatures);
        // SAFETY: strictly more than two thirds, so two quorums share an honest signer while less than a third is not.
        if (signedStake * 3 <= totalStake * 2) revert CheckpointLedgerNoQuorum(signedStake, totalStake);
        _append(next, hash, activeNow + _challengeWindow, _challengeWindow, head.retiresAt(), signedStake);
    }

    /// @inheritdoc ICheckpointLedger
    function announceSuccessor(address ledger, uint64 notBefore) external restricted {
        if (_successor != address(0)) revert CheckpointLedgerSuccessorKnown(_successor);
        if (
            ledger == address(this)
                || !ERC165Checker.supportsInterface(ledger, type(ICheckpointLedger).interfaceId)
        ) revert CheckpointLedgerNotALedger(ledger);
        uint256 earliest = block.timestamp + _noticeSeconds;
        if (notBefore < earliest) revert CheckpointLedgerNoticeTooShort(notBefore, earliest);
        _successor = ledger;
        HeadWord head = _head;
        // In active time, like the unbonding that it must leave time for.
        uint64 retiresAt = (_registry.activeTime() + (notBefore - block.timestamp)).toUint64();
        _head = LedgerWords.packHead(head.number(), head.registryPosition(), head.last(), retiresAt);
        emit SuccessorAnnounced(ledger, notBefore);
    }

    /// @inheritdoc ICheckpointLedger
    function nameTurnCourt(address court) external restricted {
        if (turnCourt != address(0)) revert CheckpointLedgerTurnCourtKnown(turnCourt);
        if (ITurnCourt(court).ledger() != address(this)) revert CheckpointLedgerNotItsCourt(court);
        turnCourt = court;
        emit TurnCourtNamed(court);
    }

    /// @inheritdoc ICheckpointLedger
    function verifySnapshot(SnapshotProof calldata proof) external view returns (bool) {
        SegmentHeader calldata header = proof.header;
        if (proof.snapshotIndex >= header.snapshotCount) return false;
        bytes32 snapshot = WeftHash.snapshotLeaf(proof.salt, proof.body);
        if (!WeftTree.verify(
                WeftTree.SNAPSHOTS, header.snapshotsRoot, snapshot, proof.snapshotIndex, proof.snapshotProof
            )) return false;
        bytes32 segment = WeftHash.segmentLeaf(headerHash(header));
        // SAFETY: the root of a checkpoint that does not exist is zero, and a zero root has no leaves.
        bytes32 root = _records[proof.number].segmentsRoot;
        return WeftTree.verify(WeftTree.SEGMENTS, root, segment, proof.segmentIndex, proof.segmentProof);
    }

    /// @inheritdoc ICheckpointLedger
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @inheritdoc ICheckpointLedger
    function headerHash(SegmentHeader calldata header) public view returns (bytes32) {
        return WeftHash.headerHash(_domainSeparatorV4(), header);
    }

    /// @inheritdoc ICheckpointLedger
    function deploymentBlock() external view returns (uint256) {
        return _deploymentBlock;
    }

    /// @inheritdoc ICheckpointLedger
    function challengeWindow() external view returns (uint32) {
        return _challengeWindow;
    }

    /// @inheritdoc ICheckpointLedger
    function registry() external view returns (address) {
        return address(_registry);
    }

    /// @inheritdoc ICheckpointLedger
    function successor() external view returns (address ledger, uint64 notBefore) {
        ledger = _successor;
        if (ledger != address(0)) notBefore = _registry.wallTime(_head.retiresAt());
    }

    /// @inheritdoc ICheckpointLedger
    function retired() external view returns (bool) {
        return _isRetired(_head, _registry.activeTime());
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(ICheckpointLedger).interfaceId || id == type(IQuorumVerifier).interfaceId
            || id == type(IERC165).interfaceId;
    }

    function _isRetired(HeadWord head, uint64 activeNow) private pure returns (bool) {
        return head.retiresAt() != 0 && activeNow >= head.retiresAt();
    }

    /// @dev The position is real, not below the parent's and not below the latest change of the set, and `setHash` is
    /// that set. So the set that signs is the one that counts at the named position.
    function _checkStanding(Checkpoint memory next, uint64 parentPosition, bytes32 setHash)
        private
        view
        returns (uint64 activeNow)
    {
        bytes32 hashThere;
        uint64 minimum;
        bytes32 currentSetHash;
        (hashThere, minimum, currentSetHash, activeNow) = _registry.standing(next.registryPosition);
        // SAFETY: the hash of a position that does not exist yet is zero, and zero is no hash.
        if (hashThere == 0 || next.registryHash != hashThere) {
            revert CheckpointLedgerRegistryMismatch(next.registryPosition, hashThere, next.registryHash);
        }
        if (parentPosition > minimum) minimum = parentPosition;
        if (next.registryPosition < minimum) revert CheckpointLedgerStalePosition(next.registryPosition, minimum);
        if (setHash != currentSetHash) revert CheckpointLedgerSetMismatch(currentSetHash, setHash);
    }
}
