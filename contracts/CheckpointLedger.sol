// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {CheckpointRecord, ICheckpointLedger} from "./interfaces/ICheckpointLedger.sol";
import {IOperatorRegistry} from "./interfaces/IOperatorRegistry.sol";
import {HeadWord, LedgerWords, TimesWord} from "./libraries/LedgerWords.sol";
import {OperatorSet} from "./libraries/OperatorSet.sol";
import {WeftHash} from "./libraries/WeftHash.sol";
import {WeftTree} from "./libraries/WeftTree.sol";
import {Checkpoint, SegmentHeader, SnapshotProof} from "./libraries/WeftTypes.sol";

/// @title CheckpointLedger
/// @notice The chain of checkpoints; see the interface.
/// @dev INVARIANT: records are write-once. INVARIANT: `finalAt` never falls from one number to the next, so finality
/// of a checkpoint implies that of all before it.
contract CheckpointLedger is ICheckpointLedger, EIP712 {
    using SafeCast for uint256;

    uint256 private constant SIGNATURE_BYTES = 65;

    struct Record {
        bytes32 hash;
        bytes32 segmentsRoot;
        TimesWord times;
    }

    IOperatorRegistry private immutable _registry;
    uint32 private immutable _challengeWindow;
    uint256 private immutable _deploymentBlock;

    HeadWord private _head;
    mapping(uint64 number => Record) private _records;

    /// @dev Writes checkpoint 0, which is final at once, so that the first turns have something to refer to.
    constructor(IOperatorRegistry registry_) EIP712(WeftHash.DOMAIN_NAME, WeftHash.DOMAIN_VERSION) {
        _registry = registry_;
        _challengeWindow = registry_.parameters().challengeWindowSeconds;
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
        _append(genesis, WeftHash.checkpointHash(_domainSeparatorV4(), genesis), 0, 0, 0);
    }

    /// @inheritdoc ICheckpointLedger
    function commit(Checkpoint calldata checkpoint_, uint256[] calldata set, bytes calldata signatures) external {
        Checkpoint memory next = checkpoint_; // once: it is hashed and emitted from memory
        HeadWord head = _head;
        if (next.number != head.number() + 1) revert CheckpointLedgerWrongNumber(head.number() + 1, next.number);
        bytes32 parent = _records[head.number()].hash;
        if (next.parent != parent) revert CheckpointLedgerWrongParent(parent, next.parent);
        if (next.cutRoot == 0 || next.segmentsRoot == 0 || next.memoryRoot == 0 || next.memoryTraceRoot == 0) {
            revert CheckpointLedgerZeroRoot();
        }
        if (next.entryCount > 1 << WeftTree.CUT_DEPTH || next.segmentCount > 1 << WeftTree.SEGMENTS_DEPTH) {
            revert CheckpointLedgerTooMany(next.entryCount, next.segmentCount);
        }
        _checkStanding(next, head.registryPosition(), OperatorSet.hash(set));

        bytes32 hash = WeftHash.checkpointHash(_domainSeparatorV4(), next);
        (uint256 signedStake, uint256 totalStake) = _countStake(hash, set, signatures);
        // SAFETY: strictly more than two thirds, so two quorums share an honest signer while less than a third is not.
        if (signedStake * 3 <= totalStake * 2) revert CheckpointLedgerNoQuorum(signedStake, totalStake);
        _append(next, hash, _challengeWindow, head.finalAt(), signedStake);
    }

    /// @inheritdoc ICheckpointLedger
    function latestAttested() external view returns (uint64 number, bytes32 hash) {
        number = _head.number();
        hash = _records[number].hash;
    }

    /// @inheritdoc ICheckpointLedger
    function latestFinal() external view returns (uint64 number, bytes32 hash) {
        // Finality is monotone in the number and checkpoint 0 is final, so the border is found by halving.
        uint64 high = _head.number();
        while (number < high) {
            uint64 middle = number + (high - number + 1) / 2;
            if (isFinal(middle)) number = middle;
            else high = middle - 1;
        }
        hash = _records[number].hash;
    }

    /// @inheritdoc ICheckpointLedger
    function checkpoint(uint64 number) external view returns (CheckpointRecord memory) {
        Record memory stored = _records[number];
        if (stored.hash == 0) revert CheckpointLedgerUnknown(number);
        return CheckpointRecord({
            hash: stored.hash,
            segmentsRoot: stored.segmentsRoot,
            committedAt: stored.times.committedAt(),
            finalAt: stored.times.finalAt(),
            registryPosition: stored.times.registryPosition(),
            challengeWindow: stored.times.challengeWindow()
        });
    }

    /// @inheritdoc ICheckpointLedger
    function checkpointHash(uint64 number) external view returns (bytes32) {
        return _records[number].hash;
    }

    /// @inheritdoc ICheckpointLedger
    function isFinal(uint64 number) public view returns (bool) {
        uint64 finalAt = _records[number].times.finalAt();
        // SAFETY: a zero timestamp is one that was never written, and never passes.
        return finalAt != 0 && block.timestamp >= finalAt;
    }

    /// @inheritdoc ICheckpointLedger
    function finalizedAt(uint64 number) external view returns (uint64) {
        return _records[number].times.finalAt();
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

    /// @dev The position is real, not below the parent's and not below the latest change of the set, and `setHash` is
    /// that set. So the set that signs is the one that counts at the named position.
    function _checkStanding(Checkpoint memory next, uint64 parentPosition, bytes32 setHash) private view {
        (bytes32 hashThere, uint64 lastSetPosition, bytes32 currentSetHash) = _registry.standing(next.registryPosition);
        // SAFETY: the hash of a position that does not exist yet is zero, and zero is no hash.
        if (hashThere == 0 || next.registryHash != hashThere) {
            revert CheckpointLedgerRegistryMismatch(next.registryPosition, hashThere, next.registryHash);
        }
        uint64 minimum = parentPosition > lastSetPosition ? parentPosition : lastSetPosition;
        if (next.registryPosition < minimum) revert CheckpointLedgerStalePosition(next.registryPosition, minimum);
        if (setHash != currentSetHash) revert CheckpointLedgerSetMismatch(currentSetHash, setHash);
    }

    /// @dev Signers ascend like the set does, so one walk over the set meets all of them; a signer that the rest of
    /// the set does not have is unknown, repeated or out of order.
    function _countStake(bytes32 hash, uint256[] calldata set, bytes calldata signatures)
        private
        pure
        returns (uint256 signedStake, uint256 totalStake)
    {
        if (signatures.length % SIGNATURE_BYTES != 0) revert CheckpointLedgerSignaturesLength(signatures.length);
        uint256 walked = 0;
        for (uint256 offset = 0; offset < signatures.length; offset += SIGNATURE_BYTES) {
            bytes32 r;
            bytes32 s;
            uint8 v;
            // Three loads instead of a slice and a copy per signature (300 gas each); they stay inside the
            // signatures, whose length is a multiple of 65. ECDSA then refuses a high s and any v but 27 and 28.
            assembly ("memory-safe") {
                let signature := add(signatures.offset, offset)
                r := calldataload(signature)
                s := calldataload(add(signature, 0x20))
                v := byte(0, calldataload(add(signature, 0x40)))
            }
            address signer = ECDSA.recover(hash, v, r, s);
            while (true) {
                if (walked == set.length) revert CheckpointLedgerUnexpectedSigner(signer);
                uint256 member = set[walked];
                uint256 stake = OperatorSet.stakeOf(member);
                // Unchecked: there are at most 128 stakes of 96 bits, for the set is the registry's.
                unchecked {
                    ++walked;
                    totalStake += stake;
                    if (OperatorSet.signerOf(member) == signer) {
                        signedStake += stake;
                        break;
                    }
                }
            }
        }
        for (; walked < set.length; ++walked) {
            totalStake += OperatorSet.stakeOf(set[walked]);
        }
    }

    function _append(Checkpoint memory next, bytes32 hash, uint32 window, uint64 parentFinalAt, uint256 signedStake)
        private
    {
        uint64 finalAt = (block.timestamp + window).toUint64();
        if (finalAt < parentFinalAt) finalAt = parentFinalAt;
        TimesWord times = LedgerWords.packTimes(block.timestamp.toUint64(), finalAt, next.registryPosition, window);
        _records[next.number] = Record(hash, next.segmentsRoot, times);
        _head = LedgerWords.packHead(next.number, next.registryPosition, finalAt);
        emit CheckpointCommitted(next.number, hash, next, signedStake);
    }
}
