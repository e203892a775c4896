import type { Patches } from "../list.ts";

/** What is committed, what stands, what is final. */
export const ledger: Patches = {
  "CheckpointLedger.sol": [
    {
      name: "two thirds are a quorum",
      before: "signedStake * 3 <= totalStake * 2",
      after: "signedStake * 3 < totalStake * 2",
      test: "test_ExactlyTwoThirdsAreNoQuorum",
    },
    {
      name: "a majority is a quorum",
      before: "signedStake * 3 <= totalStake * 2",
      after: "signedStake * 2 <= totalStake",
      test: "testFuzz_QuorumIsMoreThanTwoThirds",
    },
    {
      name: "the window is a second short",
      before: "activeNow + _challengeWindow",
      after: "activeNow + _challengeWindow - 1",
      test: "test_AnOpenDisputeHoldsTheCheckpointAndItsDescendants",
    },
    {
      name: "a position may fall below the parent's",
      before: "parentPosition > minimum",
      after: "false",
      test: "test_CommitRefusesWhatDoesNotFit",
    },
    {
      name: "numbers may be left out",
      before: "next.number != head.last() + 1",
      after: "next.number <= head.last()",
      test: "test_CommitRefusesWhatDoesNotFit",
    },
    {
      name: "a succession comes late by all earlier pauses",
      before: "(_registry.activeTime() + (notBefore - block.timestamp)).toUint64()",
      after: "notBefore",
      test: "test_NeitherEarlierPausesNorFallsMoveASuccession",
    },
    {
      name: "a commit forgets the succession",
      before: "_append(next, hash, activeNow + _challengeWindow, _challengeWindow, head.retiresAt(), signedStake);",
      after: "_append(next, hash, activeNow + _challengeWindow, _challengeWindow, 0, signedStake);",
      test: "test_ASuccessorTakesOverAfterItsNotice",
    },
    {
      name: "a ledger retires a second late",
      before: "activeNow >= head.retiresAt()",
      after: "activeNow > head.retiresAt()",
      test: "test_ASuccessorTakesOverAfterItsNotice",
    },
    {
      name: "checkpoints are signed without a domain",
      before: "WeftHash.checkpointHash(_domainSeparatorV4(), next)",
      after: "WeftHash.checkpointHash(bytes32(0), next)",
      test: "testFuzz_QuorumIsMoreThanTwoThirds",
    },
    {
      name: "headers are signed without a domain",
      before: "WeftHash.headerHash(_domainSeparatorV4(), header)",
      after: "WeftHash.headerHash(bytes32(0), header)",
      test: "testFuzz_TwoThingsAtOnePlaceConvictOnce",
    },
    {
      name: "a segment is in every checkpoint",
      before: "_records[proof.number].segmentsRoot",
      after: "_records[_head.number()].segmentsRoot",
      test: "testFuzz_ASnapshotProvesAtItsIndices",
    },
    {
      name: "it is its own successor",
      before: "ledger == address(this)",
      after: "false",
      test: "test_ASuccessorTakesOverAfterItsNotice",
    },
  ],
  "ledger/CheckpointChain.sol": [
    {
      name: "the window of a commit is not kept",
      before: "LedgerWords.packTimes(block.timestamp.toUint64(), finalAt, next.registryPosition, window)",
      after: "LedgerWords.packTimes(block.timestamp.toUint64(), finalAt, next.registryPosition, 0)",
      test: "test_Rule_ParametersAreThoseOfTheCommit",
    },
    {
      name: "disputes are not counted",
      before: "_openDisputes[number] + 1",
      after: "1",
      test: "test_AnOpenDisputeHoldsTheCheckpointAndItsDescendants",
    },
    {
      name: "the first dispute that closes frees the checkpoint",
      before: "open > 0 || _isFallen(number)",
      after: "_isFallen(number)",
      test: "test_AnOpenDisputeHoldsTheCheckpointAndItsDescendants",
    },
    {
      name: "closing a dispute about what fell moves what is final",
      before: "open > 0 || _isFallen(number)",
      after: "open > 0",
      test: "test_ADisputeAboutWhatFellHoldsNothing",
    },
    {
      name: "final since before its last dispute was closed",
      before: "activeNow > _records[number].times.finalAt()",
      after: "false",
      test: "test_AnOpenDisputeHoldsTheCheckpointAndItsDescendants",
    },
    {
      name: "a fall leaves the descendants",
      before: "_fallen.put(from, head.last());",
      after: "_fallen.put(from, number);",
      test: "test_AFallTakesItsDescendantsAlong",
    },
    {
      name: "falls do not melt",
      before: "from == 0 || to != number - 1",
      after: "true",
      test: "test_FallsMelt",
    },
    {
      name: "disputes about what fell hold what comes after",
      before: "_disputed.cut(uint256(number).toUint32());",
      after: "",
      test: "test_ADisputeAboutWhatFellHoldsNothing",
    },
    {
      name: "the number of what fell is used again",
      before:
        "LedgerWords.packHead(standing, _records[standing].times.registryPosition(), head.last(), head.retiresAt())",
      after: "LedgerWords.packHead(standing, _records[standing].times.registryPosition(), standing, head.retiresAt())",
      test: "test_AFallTakesItsDescendantsAlong",
    },
    {
      name: "after a fall, positions may go back",
      before: "_records[standing].times.registryPosition()",
      after: "0",
      test: "test_PositionsDoNotGoBackAfterAFall",
    },
    {
      name: "a fall forgets the succession",
      before: "head.retiresAt()",
      after: "0",
      test: "test_NeitherEarlierPausesNorFallsMoveASuccession",
    },
    {
      name: "final a second late",
      before: "_registry.activeTime() < finalAt",
      after: "_registry.activeTime() <= finalAt",
      test: "test_AnOpenDisputeHoldsTheCheckpointAndItsDescendants",
    },
    {
      name: "a dispute holds no descendants",
      before: "found && number >= first",
      after: "found && number == first",
      test: "test_AnOpenDisputeHoldsTheCheckpointAndItsDescendants",
    },
    {
      name: "what fell is taken for standing",
      before: "from != 0 && number <= to ? from - 1 : number",
      after: "number",
      test: "test_AFallTakesItsDescendantsAlong",
    },
    {
      name: "final when its window was over, however long it was disputed",
      before: "clearedAt > finalAt ? clearedAt : finalAt",
      after: "finalAt",
      test: "test_AnOpenDisputeHoldsTheCheckpointAndItsDescendants",
    },
  ],
  "ledger/EcdsaQuorum.sol": [
    {
      name: "a signature has two forms",
      before: "ECDSA.recover(hash, v, r, s)",
      after: "ecrecover(hash, v, r, s)",
      test: "test_Rule_OnlyLowS",
    },
    {
      name: "a stake counts twice",
      before: "signedStake += stake;\n                        break;",
      after: "signedStake += 2 * stake; break;",
      test: "test_Rule_SignersAreSortedUniqueMembers",
    },
    {
      name: "a member may sign again",
      before: "signedStake += stake;\n                        break;",
      after: "signedStake += stake; --walked; totalStake -= stake; break;",
      test: "test_Rule_SignersAreSortedUniqueMembers",
    },
    {
      name: "signers in any order, any number of times",
      before: "signedStake += stake;\n                        break;",
      after: "signedStake += stake; walked = 0; totalStake = 0; break;",
      test: "test_Rule_SignersAreSortedUniqueMembers",
    },
    {
      name: "only who comes before the last signer counts",
      before: "totalStake += OperatorSet.stakeOf(set[walked]);",
      after: "",
      test: "testFuzz_QuorumIsMoreThanTwoThirds",
    },
  ],
};
