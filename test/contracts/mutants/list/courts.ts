import type { Patches } from "../list.ts";

/** What courts believe, and who pays. */
export const courts: Patches = {
  "courts/AttesterCourt.sol": [
    {
      name: "a fall for another reason saves the attesters",
      before: "if (!fallen) _ledger.fell(number, hash);",
      after: "_ledger.fell(number, hash);",
      test: "test_WhatFellBeforeIsCondemnedAllTheSame",
    },
    {
      name: "the condemned stands",
      before: "if (!fallen) _ledger.fell(number, hash);",
      after: "",
      test: "test_ACondemnedCheckpointFallsAndWhoeverSignedItIsConvicted",
    },
    {
      name: "attestations have two forms",
      before: "ECDSA.recoverCalldata(hash, signature)",
      after: "ecrecover(hash, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]))",
      test: "test_OnlyTheCondemnedHashConvicts",
    },
    {
      name: "the attester gets the bounty",
      before: "_registry.slash(operator, msg.sender, currentSet);",
      after: "_registry.slash(operator, operator, currentSet);",
      test: "test_ACondemnedCheckpointFallsAndWhoeverSignedItIsConvicted",
    },
  ],
  "courts/FoldCourt.sol": [
    {
      name: "the first entry is judged against nothing",
      before: "return parent.memoryRoot;",
      after: "return bytes32(0);",
      test: "test_TheMemoryStaysAsItIs",
    },
    {
      name: "a segment is judged by the next one's entry",
      before: "segments - 1",
      after: "segments",
      test: "testFuzz_ASegmentThatTeachesNothingChangesNothing",
    },
    {
      name: "an empty place is an entry",
      before: "empty == (index >= checkpoint.segmentCount)",
      after: "index < checkpoint.segmentCount",
      test: "testFuzz_ATraceHasOneEntryForEachSegment",
    },
    {
      name: "any parent will do",
      before: "_hashOf(parent) == checkpoint.parent",
      after: "_hashOf(parent) != 0",
      test: "test_AnotherCheckpointOrParentProvesNothing",
    },
    {
      name: "whoever may not teach does",
      before: "!learn.mayTeach",
      after: "false",
      test: "test_WhoeverIsNoWriterTeachesNothing",
    },
    {
      name: "another memory's place is taken",
      before: "proof.slotMemory == learn.memoryId",
      after: "true",
      test: "test_WhereAnotherMemoryIsNothingIsLearnt",
    },
    {
      name: "tokens that the memory does not count are counted",
      before: "proof.tokens[position - ground.from] >= learn.columns",
      after: "false",
      test: "testFuzz_WhatIsLearntIsAdded",
    },
    {
      name: "contexts reach before the turn",
      before: "position < learn.start + LearnSnapshot.orderAt(learn, order)",
      after: "false",
      test: "test_WhatIsBackAtZeroIsGone",
    },
  ],
  "courts/EquivocationCourt.sol": [
    {
      name: "evidence has two forms",
      before: "ECDSA.recoverCalldata(hash, signature)",
      after: "ecrecover(hash, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]))",
      test: "test_Rule_OnlyLowS",
    },
    {
      name: "evidence of another chain",
      before: "WeftHash.domainSeparator(block.chainid, address(_ledger))",
      after: "WeftHash.domainSeparator(1, address(_ledger))",
      test: "testFuzz_TwoThingsAtOnePlaceConvictOnce",
    },
    {
      name: "the second signature is not looked at",
      before: "_attribute(a.operator, hashB, signatureB, signerA)",
      after: "signerA",
      test: "testFuzz_OneThingPerPlaceIsNoEvidence",
    },
    {
      name: "the second signer may be anybody",
      before: "signer == known",
      after: "known != address(0)",
      test: "testFuzz_OneThingPerPlaceIsNoEvidence",
    },
    {
      name: "the culprit gets the bounty",
      before: "_registry.slash(a.operator, msg.sender, currentSet);",
      after: "_registry.slash(a.operator, a.operator, currentSet);",
      test: "testFuzz_TwoThingsAtOnePlaceConvictOnce",
    },
  ],
  "courts/AvailabilityCourt.sol": [
    {
      name: "a tile is of any size",
      before: "cells.length == RowTree.TILE_BYTES",
      after: "true",
      test: "test_EveryTileIsServed",
    },
    {
      name: "a row is of any depth",
      before: "siblings.length == asked.depth",
      after: "true",
      test: "test_EveryTileIsServed",
    },
    {
      name: "a context has any number of peaks",
      before: "ContextPeaks.fits(asked.index, peaks.length)",
      after: "true",
      test: "test_ContextsAreServedByTheirPeaks",
    },
    {
      name: "memories are those of the next segment",
      before: "memories.segments - 1",
      after: "memories.segments",
      test: "test_MemoriesAreServed",
    },
  ],
  "courts/availability/Challenges.sol": [
    {
      name: "an answer puts off nothing",
      before: "asked.disputed ? State.Answered : State.Closed",
      after: "State.Closed",
      test: "test_AnAnswerKeepsItFromBeingFinalForAProofPeriod",
    },
    {
      name: "what has fallen must be served",
      before: "!condemned[asked.hash] && !_ledger.checkpoint(asked.number).fallen",
      after: "true",
      test: "test_WhatFellMeanwhileNeedNotBeServed",
    },
    {
      name: "bonds do not rise",
      before: "1 + _open[hash]",
      after: "1",
      test: "test_EachOpenChallengeMakesTheNextDearer",
    },
    {
      name: "who was not answered loses its bond",
      before: "_credit[asked.challenger] += asked.bond;",
      after: "",
      test: "test_SilenceMakesItFallAndItsAttestersPay",
    },
    {
      name: "answering oneself costs nothing",
      before: "asked.bond / 2",
      after: "0 * asked.bond",
      test: "test_AnybodysAnswerSavesItAndEarnsHalfTheBond",
    },
    {
      name: "credit is paid twice",
      before: "_credit[msg.sender] = 0;",
      after: "",
      test: "test_AnybodysAnswerSavesItAndEarnsHalfTheBond",
    },
    {
      name: "a dispute stays open",
      before: "if (asked.disputed) _ledger.closeDispute(asked.number, asked.hash);",
      after: "",
      test: "test_SilenceMakesItFallAndItsAttestersPay",
    },
  ],
};
