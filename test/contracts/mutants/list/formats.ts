import type { Patches } from "../list.ts";

/** What is hashed, and what is read from it. */
export const formats: Patches = {
  "libraries/WeftTree.sol": [
    {
      name: "leaves of all kinds are alike",
      before: "abi.encodePacked(kind, data)",
      after: "abi.encodePacked(data)",
      test: "leaves, nodes, depths and empty roots of every kind",
    },
    {
      name: "a node reads as a leaf",
      before: "uint8(0x80 | kind)",
      after: "kind",
      test: "testFuzz_RootOfIsTheFold",
    },
    {
      name: "the bits of the index are ignored",
      before: "root = leafHash;",
      after: "root = leafHash; index = 0;",
      test: "testFuzz_RootOfIsTheFold",
    },
    {
      name: "nodes of all kinds are alike",
      before: "root = leafHash;",
      after: "root = leafHash; kind = 0;",
      test: "testFuzz_RootOfIsTheFold",
    },
    {
      name: "an empty tree has the empty leaf for a root",
      before: "return emptyRoots(kind)[depthOf(kind)];",
      after: "return emptyLeaf(kind);",
      test: "test_EmptyRootIsTheRootOfEmptyLeaves",
    },
    {
      name: "the zero root has leaves",
      before: "rootOf(kind, depth, leafHash, index, proof) == root",
      after: "true",
      test: "testFuzz_ASnapshotProvesAtItsIndices",
    },
  ],
  "libraries/WeftHash.sol": [
    {
      name: "a checkpoint does not name its parent",
      before: "MessageHashUtils.toTypedDataHash(domain, structHash)",
      after:
        "MessageHashUtils.toTypedDataHash(domain, keccak256(abi.encode(CHECKPOINT_TYPEHASH, checkpoint.number, checkpoint.cutRoot, checkpoint.segmentsRoot)))",
      test: "testFuzz_Rule_IdsIncludeTheParent",
    },
    {
      name: "a header does not name the one before it",
      before: "abi.encode(SEGMENT_TYPEHASH, header)",
      after: "abi.encode(SEGMENT_TYPEHASH, header.operator, header.incarnation, header.sequence, header.snapshotsRoot)",
      test: "testFuzz_Rule_IdsIncludeTheParent",
    },
    {
      name: "a checkpoint's hash names no ledger",
      before: "MessageHashUtils.toTypedDataHash(domain, structHash)",
      after: "structHash",
      test: "domain, headers, checkpoints",
    },
    {
      name: "siblings of a snapshot can be guessed",
      before: "abi.encodePacked(salt, body)",
      after: "abi.encodePacked(body)",
      test: "leaves of cut entries, segments, snapshots and the memory trace; operator sets",
    },
    {
      name: "an ended track looks open",
      before: "entry.ended",
      after: "false",
      test: "leaves of cut entries, segments, snapshots and the memory trace; operator sets",
    },
    {
      name: "the turns of one segment have one id",
      before: "abi.encode(TURN_TYPEHASH, track, sequence, index)",
      after: "abi.encode(TURN_TYPEHASH, track, sequence)",
      test: "ids of tracks, turns and requests, and the draw",
    },
    {
      name: "all positions draw alike",
      before: "abi.encode(DRAW_TYPEHASH, request, position)",
      after: "abi.encode(DRAW_TYPEHASH, request)",
      test: "ids of tracks, turns and requests, and the draw",
    },
    {
      name: "all incarnations are one track",
      before: "abi.encode(TRACK_TYPEHASH, operator, incarnation)",
      after: "abi.encode(TRACK_TYPEHASH, operator)",
      test: "ids of tracks, turns and requests, and the draw",
    },
  ],
  "libraries/OperatorSet.sol": [
    {
      name: "half of a stake is cut off",
      before: "member & type(uint96).max",
      after: "member & type(uint64).max",
      test: "testFuzz_InsertKeepsTheOrder",
    },
    {
      name: "who joins is last in the set",
      before: "slot > 0 && set[slot - 1] >> 96 >= member >> 96",
      after: "false",
      test: "testFuzz_InsertKeepsTheOrder",
    },
    {
      name: "who goes leaves a gap",
      before: "set[i - 1] = set[i];",
      after: "",
      test: "testFuzz_RemoveUndoesInsert",
    },
  ],
  "libraries/NumberSet.sol": [
    {
      name: "what was cut off comes back",
      before: "word & bit != 0",
      after: "true",
      test: "test_WhatWasCutStaysOut",
    },
    {
      name: "a cut leaves the number itself",
      before: "set.words[key] & (bit - 1)",
      after: "set.words[key] & ((bit - 1) | bit)",
      test: "testFuzz_LeastIsThatOfAList",
    },
  ],
  "libraries/Staircase.sol": [
    {
      name: "steps that were replaced come back",
      before: "steps.length = index + 1;",
      after: "if (index >= steps.length) steps.length = index + 1;",
      test: "testFuzz_StepsAreThoseOfAList",
    },
  ],
  "libraries/TokensSnapshot.sol": [
    {
      name: "the token after the last is read",
      before: "position - first >= length",
      after: "position - first > length",
      test: "test_ThePositionAfterTheLastIsRefused",
    },
    {
      name: "every token is the first",
      before: "4 * (position - first)",
      after: "0",
      test: "testFuzz_ReadsEveryToken",
    },
  ],
};
