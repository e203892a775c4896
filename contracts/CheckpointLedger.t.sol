// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckpointLedger} from "./interfaces/ICheckpointLedger.sol";
import {ITokenConsumer} from "./interfaces/ITokenConsumer.sol";
import {OperatorSet} from "./libraries/OperatorSet.sol";
import {TokenConsumer} from "./examples/TokenConsumer.sol";
import {WeftHash} from "./libraries/WeftHash.sol";
import {WeftTree} from "./libraries/WeftTree.sol";
import {Checkpoint, SnapshotProof} from "./libraries/WeftTypes.sol";
import {Proofs} from "./test/Proofs.sol";
import {VM} from "./test/Vm.sol";
import {WeftFixture} from "./test/WeftFixture.sol";

contract CheckpointLedgerTest is WeftFixture {
    /// S5: exactly the subsets of more than two thirds of the stake commit.
    function testFuzz_QuorumIsMoreThanTwoThirds(uint8 members, uint96[4] memory extra) public {
        uint96[] memory stakes = new uint96[](4);
        uint256 total = 0;
        for (uint256 i = 0; i < 4; ++i) {
            stakes[i] = MIN_STAKE + extra[i] % (4 * MIN_STAKE);
            total += stakes[i];
        }
        _found(stakes);
        Checkpoint memory next = _nextCheckpoint();
        (bytes memory signatures, uint256 signed) = _attest(next, members);
        if (signed * 3 <= total * 2) {
            VM.expectRevert(
                abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerNoQuorum.selector, signed, total)
            );
        }
        ledger.commit(next, set, signatures);
        (uint64 number,) = ledger.latestAttested();
        assert(number == (signed * 3 > total * 2 ? 1 : 0));
    }

    /// Whatever the times of commits, finality is monotone, and `latestFinal` agrees with `isFinal`.
    function testFuzz_LatestFinalIsTheLastFinalOne(uint8[6] memory gaps, uint8 wait) public {
        _found();
        for (uint256 i = 0; i < 6; ++i) {
            VM.warp(block.timestamp + gaps[i] % 4);
            Checkpoint memory next = _nextCheckpoint();
            (bytes memory signatures,) = _attest(next, 0xff);
            ledger.commit(next, set, signatures);
        }
        VM.warp(block.timestamp + wait % 8);
        (uint64 latest, bytes32 hash) = ledger.latestFinal();
        assert(hash == ledger.checkpointHash(latest));
        for (uint64 number = 0; number <= 6; ++number) {
            assert(ledger.isFinal(number) == (number <= latest));
        }
        assert(!ledger.isFinal(7) && ledger.finalizedAt(7) == 0);
    }

    function test_GenesisIsFinalAtOnce() public view {
        (uint64 number, bytes32 hash) = ledger.latestFinal();
        assert(number == 0 && ledger.isFinal(0));
        Checkpoint memory genesis = _nextCheckpoint();
        genesis.number = 0;
        genesis.parent = keccak256("Weft genesis");
        assert(hash == WeftHash.checkpointHash(ledger.domainSeparator(), genesis));
        assert(ledger.domainSeparator() == WeftHash.domainSeparator(block.chainid, address(ledger)));
    }

    function test_CommitRefusesWhatDoesNotFit() public {
        _found();
        Checkpoint memory next = _nextCheckpoint();
        next.number = 2;
        _refuses(
            next,
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerWrongNumber.selector, uint64(1), uint64(2))
        );
        next = _nextCheckpoint();
        next.registryHash = keccak256("another history");
        _refuses(
            next,
            abi.encodeWithSelector(
                ICheckpointLedger.CheckpointLedgerRegistryMismatch.selector,
                next.registryPosition,
                registry.positionHash(next.registryPosition),
                next.registryHash
            )
        );
        next = _nextCheckpoint();
        next.registryHash = 0;
        next.registryPosition = 99;
        _refuses(
            next,
            abi.encodeWithSelector(
                ICheckpointLedger.CheckpointLedgerRegistryMismatch.selector, uint64(99), bytes32(0), bytes32(0)
            )
        );
        next = _nextCheckpoint();
        next.registryPosition = 4;
        next.registryHash = registry.positionHash(4);
        _refuses(
            next,
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerStalePosition.selector, uint64(4), uint64(5))
        );
        _join(5, MIN_STAKE);
        _commit();
        next = _nextCheckpoint();
        next.registryPosition = 5;
        next.registryHash = registry.positionHash(5);
        _refuses(
            next,
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerStalePosition.selector, uint64(5), uint64(6))
        );
        uint256[] memory all = set;
        bytes32 actual = registry.setHash();
        set.pop();
        _refuses(
            _nextCheckpoint(),
            abi.encodeWithSelector(
                ICheckpointLedger.CheckpointLedgerSetMismatch.selector, actual, OperatorSet.hash(set)
            )
        );
        set = all;
    }

    /// No root is zero, and no tree has more leaves than it has places for.
    function test_CommitRefusesWhatNoTreeHas() public {
        _found();
        for (uint256 i = 0; i < 4; ++i) {
            Checkpoint memory rootless = _nextCheckpoint();
            if (i == 0) rootless.cutRoot = 0;
            if (i == 1) rootless.segmentsRoot = 0;
            if (i == 2) rootless.memoryRoot = 0;
            if (i == 3) rootless.memoryTraceRoot = 0;
            _refuses(rootless, abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerZeroRoot.selector));
        }
        for (uint256 i = 0; i < 2; ++i) {
            Checkpoint memory full = _nextCheckpoint();
            (full.entryCount, full.segmentCount) = (1 << 24, 1 << 16);
            _refuses(full, abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerNoQuorum.selector, 0, 4 * MIN_STAKE));
            if (i == 0) ++full.entryCount;
            else ++full.segmentCount;
            _refuses(
                full,
                abi.encodeWithSelector(
                    ICheckpointLedger.CheckpointLedgerTooMany.selector,
                    uint256(full.entryCount),
                    uint256(full.segmentCount)
                )
            );
        }
    }

    function test_ExactlyTwoThirdsAreNoQuorum() public {
        uint96[] memory stakes = new uint96[](4);
        (stakes[0], stakes[1], stakes[2], stakes[3]) = (MIN_STAKE, MIN_STAKE, MIN_STAKE, 3 * MIN_STAKE);
        _found(stakes);
        Checkpoint memory next = _nextCheckpoint();
        (bytes memory signatures, uint256 signed) = _attest(next, 9);
        VM.expectRevert(
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerNoQuorum.selector, signed, 6 * MIN_STAKE)
        );
        ledger.commit(next, set, signatures);
    }

    /// A header says how many snapshots a segment has; what stands behind them in its tree is not in it.
    function test_ASegmentHasNoMoreSnapshotsThanItSays() public {
        _found();
        SnapshotProof memory proof = Proofs.proofAt(_owner(1), 1, 0, 3, "snapshot");
        bytes32 leaf = WeftTree.leaf(WeftTree.SNAPSHOTS, abi.encodePacked(proof.salt, proof.body));
        (proof.header.snapshotsRoot, proof.snapshotProof) = _alone(WeftTree.SNAPSHOTS, leaf, 3);
        for (uint64 number = 1; number <= 2; ++number) {
            (proof.number, proof.header.snapshotCount) = (number, number == 1 ? 4 : 3);
            Checkpoint memory next = _nextCheckpoint();
            bytes32 segment = WeftHash.segmentLeaf(ledger.headerHash(proof.header));
            (next.segmentsRoot, proof.segmentProof) = _alone(WeftTree.SEGMENTS, segment, 0);
            (bytes memory signatures,) = _attest(next, 0xff);
            ledger.commit(next, set, signatures);
            assert(ledger.verifySnapshot(proof) == (number == 1));
        }
    }

    /// A snapshot is in a checkpoint at exactly its two indices, and consumers believe its tokens when that is final.
    function testFuzz_ASnapshotProvesAtItsIndices(uint16 segmentIndex, uint8 snapshotIndex, uint32[3] memory tokens)
        public
    {
        VM.assume(snapshotIndex < 255);
        _found();
        uint32[] memory ids = new uint32[](3);
        (ids[0], ids[1], ids[2]) = (tokens[0], tokens[1], tokens[2]);
        bytes memory body = Proofs.tokensBody(keccak256("turn"), 7, 3, keccak256("root"), ids);
        SnapshotProof memory proof = Proofs.proofAt(_owner(1), 1, segmentIndex, snapshotIndex, body);
        (proof.header.snapshotsRoot, proof.snapshotProof) = _alone(
            WeftTree.SNAPSHOTS, WeftTree.leaf(WeftTree.SNAPSHOTS, abi.encodePacked(proof.salt, body)), snapshotIndex
        );
        bytes32 leaf = WeftHash.segmentLeaf(ledger.headerHash(proof.header));
        Checkpoint memory next = _nextCheckpoint();
        (next.segmentsRoot, proof.segmentProof) = _alone(WeftTree.SEGMENTS, leaf, segmentIndex);
        (bytes memory signatures,) = _attest(next, 0xff);
        ledger.commit(next, set, signatures);
        assert(ledger.verifySnapshot(proof));
        _commit();
        assert(ledger.verifySnapshot(proof));
        ++proof.number;
        assert(!ledger.verifySnapshot(proof));
        --proof.number;
        TokenConsumer consumer = new TokenConsumer(ledger);
        VM.expectRevert(abi.encodeWithSelector(ITokenConsumer.TokenConsumerNotFinal.selector, uint64(1)));
        consumer.prove(proof, 8, tokens[1]);
        VM.warp(block.timestamp + CHALLENGE_WINDOW);
        consumer.prove(proof, 8, tokens[1]);
        assert(consumer.tokenOf(keccak256("turn"), 8).token == tokens[1] && consumer.ledger() == address(ledger));
        VM.expectRevert(
            abi.encodeWithSelector(ITokenConsumer.TokenConsumerAlreadyProven.selector, keccak256("turn"), uint32(8))
        );
        consumer.prove(proof, 8, tokens[1]);
        uint32 wrong = tokens[2] ^ 1;
        VM.expectRevert(
            abi.encodeWithSelector(
                ITokenConsumer.TokenConsumerUnexpectedToken.selector, uint32(9), wrong, tokens[2]
            )
        );
        consumer.prove(proof, 9, wrong);
        proof.segmentIndex ^= 1;
        assert(!ledger.verifySnapshot(proof));
        VM.expectRevert(
            abi.encodeWithSelector(
                ITokenConsumer.TokenConsumerNotIncluded.selector, uint64(1), proof.segmentIndex, proof.snapshotIndex
            )
        );
        consumer.prove(proof, 8, tokens[1]);
        proof.segmentIndex ^= 1;
        proof.body[50] ^= 0x01;
        assert(!ledger.verifySnapshot(proof));
        proof.snapshotIndex = proof.header.snapshotCount;
        assert(!ledger.verifySnapshot(proof));
        assert(ledger.deploymentBlock() == block.number && ledger.registry() == address(registry));
    }

    /// @dev Root and proof of a leaf in a tree that has no other.
    function _alone(uint8 kind, bytes32 leaf, uint256 index)
        private
        pure
        returns (bytes32 root, bytes32[] memory proof)
    {
        proof = new bytes32[](WeftTree.depthOf(kind));
        bytes32 empty = WeftTree.emptyLeaf(kind);
        root = leaf;
        for (uint256 level = 0; level < proof.length; ++level) {
            proof[level] = empty;
            root = (index >> level) & 1 == 0 ? WeftTree.node(kind, root, empty) : WeftTree.node(kind, empty, root);
            empty = WeftTree.node(kind, empty, empty);
        }
    }

    function _refuses(Checkpoint memory next, bytes memory why) private {
        VM.expectRevert(why);
        ledger.commit(next, set, "");
    }
}
