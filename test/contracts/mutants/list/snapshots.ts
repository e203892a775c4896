import type { Patches } from "../list.ts";

/** What memories, contexts and snapshots are to the courts. */
export const snapshots: Patches = {
  "libraries/MemoryTree.sol": [
    {
      name: "tiles of zeros are there",
      before: "counted.sums == 0",
      after: "false",
      test: "test_CountsWrapAround",
    },
    {
      name: "what has no cells has a hash",
      before: "beside.sums == 0",
      after: "false",
      test: "test_WhatHasNoCellsHasNoHash",
    },
    {
      name: "rows of zeros are there",
      before: "row.sums == 0",
      after: "false",
      test: "test_WhatIsBackAtZeroIsGone",
    },
    {
      name: "memories of no rows are there",
      before: "rowsRoot == noRows",
      after: "false",
      test: "test_WhatIsBackAtZeroIsGone",
    },
  ],
  "libraries/RowTree.sol": [
    {
      name: "a tile of zeros is there",
      before: "node.distinct == 0",
      after: "false",
      test: "test_EveryTileIsServed",
    },
    {
      name: "sums are not added up",
      before: "node.total + beside.total",
      after: "beside.total",
      test: "test_EveryTileIsServed",
    },
  ],
  "libraries/ByteReader.sol": [
    {
      name: "counters without end",
      before: "value > MOST_COUNTED",
      after: "false",
      test: "test_RefusesOtherKindsAndCountersThatNobodyReaches",
    },
    {
      name: "choices without end",
      before: "value > most",
      after: "false",
      test: "test_ReadsCloses",
    },
    {
      name: "a hash of nothing",
      before: "value == 0",
      after: "false",
      test: "test_ReadsCloses",
    },
  ],
  "libraries/SnapshotReader.sol": [
    {
      name: "what follows a snapshot is not looked at",
      before: "!cursor.bad && cursor.offset == body.length",
      after: "!cursor.bad",
      test: "test_ReadsCloses",
    },
    {
      name: "tokens of no kind",
      before: "said.choice == 0 || said.count == 0",
      after: "said.count == 0",
      test: "test_RefusesTokensThatAreNone",
    },
    {
      name: "more tokens than a snapshot has",
      before: "said.count > MOST_IDS",
      after: "false",
      test: "test_RefusesTokensThatAreNone",
    },
    {
      name: "memories without end",
      before: "columns > MOST_COLUMNS",
      after: "false",
      test: "test_RefusesMemoriesThatAreNone",
    },
    {
      name: "orders and writers in any order",
      before: "value > before || (i == 0 && width > 1)",
      after: "true",
      test: "test_WritersAscend",
    },
    {
      name: "orders longer than the longest",
      before: "value > most",
      after: "false",
      test: "test_RefusesMemoriesThatAreNone",
    },
  ],
  "libraries/OpenSnapshot.sol": [
    {
      name: "a turn of another request",
      before: "opened.requestId == WeftHash.requestId(request)",
      after: "true",
      test: "test_WhatOpensATurnByNoRuleIsInvalid",
    },
    {
      name: "an answer of nothing",
      before: "request.maxLength > 0",
      after: "true",
      test: "test_WhatOpensATurnByNoRuleIsInvalid",
    },
    {
      name: "an answer beyond the longest context",
      before: "mostTokens(opened) <= ContextPeaks.MOST_TOKENS",
      after: "true",
      test: "test_WhatOpensATurnByNoRuleIsInvalid",
    },
    {
      name: "a turn begins elsewhere than its parent ends",
      before: "opened.start == opened.parentPosition",
      after: "true",
      test: "test_WhatOpensATurnByNoRuleIsInvalid",
    },
    {
      name: "a turn begins behind its given tokens",
      before: "opened.start <= request.lengthBefore",
      after: "true",
      test: "test_WhatOpensATurnByNoRuleIsInvalid",
    },
    {
      name: "any context where the answer begins",
      before: "length != request.lengthAfter || root == request.contextAfter",
      after: "true",
      test: "test_TheStartIsTheContextThatTheRequestBinds",
    },
    {
      name: "given tokens end before they begin",
      before: "request.lengthAfter < request.lengthBefore",
      after: "false",
      test: "test_FieldsHaveBounds",
    },
    {
      name: "a stop sequence of nothing",
      before: "size == 0",
      after: "false",
      test: "test_ParametersHaveOneEncoding",
    },
    {
      name: "parameters are as long as one likes",
      before: "cursor.offset != from + length",
      after: "false",
      test: "test_ParametersHaveOneEncoding",
    },
  ],
  "libraries/ContextPeaks.sol": [
    {
      name: "any number of peaks",
      before: "bits == peaks",
      after: "true",
      test: "test_FlagsPeaksAndNamesAreAsTheyHaveToBe",
    },
  ],
};
