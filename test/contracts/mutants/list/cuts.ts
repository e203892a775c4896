import type { Patches } from "../list.ts";

/** What is wrong about a cut. */
export const cuts: Patches = {
  "courts/cut/CutEntries.sol": [
    {
      name: "slots may go",
      before: "checkpoint.entryCount < accused.parent.entryCount",
      after: "false",
      test: "test_SlotsThatAreGone",
    },
    {
      name: "segments need no track",
      before: "checkpoint.entryCount == 0 && checkpoint.segmentCount > 0",
      after: "false",
      test: "test_SegmentsOfNoTrack",
    },
    {
      name: "ended is any byte",
      before: "here.data[ENDED_BYTE] > 0x01",
      after: "false",
      test: "test_LeavesOfAnotherShape",
    },
    {
      name: "entries are of any length",
      before: "here.data.length != ENTRY_BYTES",
      after: "false",
      test: "test_LeavesOfAnotherShape",
    },
    {
      name: "new tracks may have ended",
      before: "entry.ended || entry.sequence == 0",
      after: "entry.sequence == 0",
      test: "test_NewTracksThatAreNone",
    },
    {
      name: "a slot may change its track",
      before: "!_isSameTrack(entry, here.before)",
      after: "false",
      test: "test_EntriesThatDoNotGoOnFromTheParents",
    },
    {
      name: "ended tracks go on",
      before: "entry.sequence != before.sequence || entry.head != before.head",
      after: "false",
      test: "test_EndedTracksThatGoOn",
    },
    {
      name: "the ended come back",
      before: "before.ended || entry.sequence < before.sequence || changed",
      after: "entry.sequence < before.sequence || changed",
      test: "test_EndedTracksThatGoOn",
    },
    {
      name: "a head may change at equal sequence",
      before: "entry.sequence == before.sequence && entry.head != before.head",
      after: "false",
      test: "test_EntriesThatDoNotGoOnFromTheParents",
    },
    {
      name: "a track may go back",
      before: "entry.sequence < before.sequence",
      after: "false",
      test: "test_EntriesThatDoNotGoOnFromTheParents",
    },
    {
      name: "the first index is any",
      before: "here.slot == 0 && entry.first != 0",
      after: "false",
      test: "test_FirstIndicesThatDoNotAddUp",
    },
    {
      name: "a track has two slots",
      before: "_isSameTrack(low.entry, high.entry)",
      after: "false",
      test: "test_SlotsOutOfOrder",
    },
    {
      name: "tracks that are not new ascend, too",
      before: "low.slot >= accused.parent.entryCount",
      after: "true",
      test: "test_SlotsOutOfOrder",
    },
    {
      name: "runs of one operator in any order",
      before: "a.operator == b.operator && a.incarnation > b.incarnation",
      after: "false",
      test: "test_SlotsOutOfOrder",
    },
  ],
  "courts/cut/CutSegments.sol": [
    {
      name: "another operator's segment",
      before: "header.operator != entry.operator",
      after: "false",
      test: "test_SegmentsInOthersPlaces",
    },
    {
      name: "another run's segment",
      before: "header.incarnation != entry.incarnation",
      after: "false",
      test: "test_SegmentsInOthersPlaces",
    },
    {
      name: "segments in any order",
      before: "header.sequence != before.sequence + offset + 1",
      after: "false",
      test: "test_SegmentsInOthersPlaces",
    },
    {
      name: "segments that begin anywhere",
      before: "offset == 0 && header.previous != before.head",
      after: "false",
      test: "test_SegmentsThatBeginOrEndElsewhere",
    },
    {
      name: "segments that end anywhere",
      before: "offset + 1 == advance && hash != entry.head",
      after: "false",
      test: "test_SegmentsThatBeginOrEndElsewhere",
    },
    {
      name: "a chain may break",
      before: "b.previous != hash",
      after: "false",
      test: "test_SegmentsThatDoNotFollowOneAnother",
    },
    {
      name: "a header may count too many",
      before: "header.snapshotCount > 1 << WeftTree.SNAPSHOTS_DEPTH",
      after: "false",
      test: "test_HeadersThatNoSegmentHas",
    },
    {
      name: "a header may count wrongly",
      before: "here.index < header.snapshotCount",
      after: "here.index >= header.snapshotCount",
      test: "test_HeadersThatCountWrongly",
    },
  ],
  "courts/cut/CutSnapshots.sol": [
    {
      name: "what opens a turn is not judged",
      before: "!OpenSnapshot.isValid(opened)",
      after: "false",
      test: "test_TurnsOpenedByNoRule",
    },
    {
      name: "a snapshot may name itself",
      before: "said.previousIndex < snapshot.snapshotIndex",
      after: "said.previousIndex <= snapshot.snapshotIndex",
      test: "test_SnapshotsThatNameNoEarlierOne",
    },
    {
      name: "learning need not come last",
      before: "snapshot.snapshotIndex + 1 < header.snapshotCount",
      after: "false",
      test: "test_LearningThatBreaksItsOwnRules",
    },
    {
      name: "as much is learnt as one likes",
      before: "said.count * said.orders > MOST_LEARNT",
      after: "false",
      test: "test_LearningThatBreaksItsOwnRules",
    },
    {
      name: "closed turns go on",
      before: "before.kind == SnapshotReader.CLOSE",
      after: "false",
      test: "test_ATurnThatIsClosed",
    },
    {
      name: "what has fallen is a witness",
      before: "!_ledger.checkpoint(earlier.number).fallen",
      after: "true",
      test: "test_TheEarlierOneStandsInAnAncestor",
    },
    {
      name: "tokens are carried after written ones",
      before: "hasWritten && said.choice == SnapshotReader.CARRIED",
      after: "false",
      test: "test_NothingIsCarriedAfterWhatIsWritten",
    },
    {
      name: "what was given is learnt",
      before:
        "hasWritten && before.kind == SnapshotReader.TOKENS && said.first >= before.first\n            && said.first + said.count <= before.length",
      after:
        "before.kind == SnapshotReader.TOKENS && said.first >= before.first && said.first + said.count <= before.length",
      test: "test_LearningWhatWasNotWrittenRightBefore",
    },
    {
      name: "what was learnt is learnt again",
      before: "said.first >= before.first",
      after: "true",
      test: "test_LearningWhatWasNotWrittenRightBefore",
    },
    {
      name: "what is not there yet is learnt",
      before: "said.first + said.count <= before.length",
      after: "true",
      test: "test_LearningWhatWasNotWrittenRightBefore",
    },
    {
      name: "roots need not follow",
      before: "ContextPeaks.rootAfter(before.length, peaks, ids) == said.root",
      after: "true",
      test: "test_RootsThatDoNotFollowFromTheTokens",
    },
    {
      name: "an answer is as long as one likes",
      before: "said.choice != SnapshotReader.GIVEN && said.length <= OpenSnapshot.mostTokens(opened)",
      after: "said.choice != SnapshotReader.GIVEN",
      test: "test_TokensThatCrossTheEndOfTheirZone",
    },
    {
      name: "turns end early for their length",
      before: "said.choice != SnapshotReader.BY_LENGTH",
      after: "true",
      test: "test_ClosesOfNoAnswer",
    },
    {
      name: "snapshots of two turns are twins",
      before: "a.turn == b.turn",
      after: "true",
      test: "test_TwoThatNameDifferentOnesAreNoTwins",
    },
  ],
};
