import type { Patches } from "../list.ts";

/** Who is accused of what, what proves it, and what silence means. */
export const inference: Patches = {
  "courts/InferenceCourt.sol": [
    {
      name: "a group of any length",
      before: "values.length != length",
      after: "false",
      test: "test_WhatIsPostedIsWhole",
    },
  ],
  "courts/inference/AccusedExaminer.sol": [
    {
      name: "tokens that nobody signed",
      before: '_requireSaid(tokens, tokensSignature, "tokens");',
      after: '_requireSaid(open, openSignature, "tokens");',
      test: "test_NobodyIsAccusedOfWhatItDidNotSign",
    },
    {
      name: "of what a retired key signed nobody is accused",
      before: "IOperatorRegistry(_ledger.registry()).operatorOfSigner(signer) != proof.header.operator",
      after: "IOperatorRegistry(_ledger.registry()).operatorOf(proof.header.operator).signer != signer",
      test: "test_KeysThatAnOperatorHasOrHadAreItsWord",
    },
    {
      name: "given tokens are their author's answer",
      before: "TokensSnapshot.tokenKind(body) != TokensSnapshot.GIVEN",
      after: "true",
      test: "test_GivenTokensAreNobodysAnswerButCarriedOnesAre",
    },
    {
      name: "what was taken over is answered for",
      before: "position >= accused.position",
      after: "true",
      test: "test_WhatComesBeforeTheRequestsOwnLengthWasTakenOver",
    },
    {
      name: "tokens of another author",
      before: "tokens.header.operator == accused.operator",
      after: "true",
      test: "test_TokensAreOfThatTurnAndAuthor",
    },
    {
      name: "a memory of no checkpoint",
      before: "hash == request.memoryCheckpointHash",
      after: "true",
      test: "test_AMemoryIsThatOfACheckpointOfTheLedger",
    },
  ],
  "courts/inference/Accusations.sol": [
    {
      name: "open accusations of a turn are not counted off",
      before: "openAccusations[accused.turn] -= 1;",
      after: "",
      test: "test_WhatIsDismissedIsPaid",
    },
    {
      name: "accusations do not rise",
      before: "1 + _open[operator]",
      after: "1",
      test: "test_ShamAccusationsShieldNobodyAndStopNobody",
    },
    {
      name: "a third party's wrong answer convicts",
      before: "place == 0",
      after: "true",
      test: "test_AThirdPartysWrongAnswerCostsItAlone",
    },
    {
      name: "a group that is not shown lets an answer stand",
      before: "stage == Stage.TensorDemanded || stage == Stage.GroupDemanded",
      after: "stage == Stage.TensorDemanded",
      test: "test_NorWhoDoesNotShowTheGroup",
    },
    {
      name: "the opening's checkpoint may fall",
      before: "_ledger.checkpoint(accused.opened).fallen",
      after: "false",
      test: "test_NobodyIsConvictedByWhatFell",
    },
    {
      name: "who has no stake is slashed",
      before: "if (_hasStake(accused.operator)) _registry.slash(accused.operator, accused.accuser, currentSet);",
      after: "_registry.slash(accused.operator, accused.accuser, currentSet);",
      test: "test_WhoWasConvictedMeanwhileLosesTheTurnAllTheSame",
    },
    {
      name: "a wrong accusation costs nothing",
      before: "_halve(accused.bond, stood);",
      after: "_credit[accused.accuser] += accused.bond;",
      test: "test_AnAnswerWhoseAccuserFallsSilentStands",
    },
    {
      name: "others take the accused's place",
      before: "_registry.operatorOfSigner(msg.sender) == accused.operator",
      after: "true",
      test: "test_TheAccusedAlwaysHasAPlace",
    },
  ],
  "courts/inference/ElementExaminer.sol": [
    {
      name: "groups of another operation's tensor",
      before: "tensor >= maker.firstTensor",
      after: "true",
      test: "test_WhatIsPostedIsWhole",
    },
  ],
  "courts/inference/Examiner.sol": [
    {
      name: "tokens of another context",
      before: "ContextTree.verify(accused.contextRoot, position.toUint32(), token, proof)",
      after: "true",
      test: "test_AnEmbeddingIsThatOfTheContextsToken",
    },
  ],
  "courts/inference/SampleExaminer.sol": [
    {
      name: "another memory in the place is read",
      before: "memory_.slotMemory != accused.memoryId",
      after: "false",
      test: "test_AMemoryThatIsNotThereSaysNothing",
    },
    {
      name: "more rows than orders",
      before: "memory_.rows.length == fitting",
      after: "true",
      test: "test_TheRowsAreThoseOfTheContext",
    },
    {
      name: "orders longer than the context",
      before: "definition.orderAt(fitting) <= accused.position",
      after: "true",
      test: "test_OrdersThatTheContextIsTooShortForAreNotRead",
    },
  ],
  "libraries/model/ModelTiles.sol": [
    {
      name: "a read goes on in the next constant",
      before: "column + what.count <= constant_.columns",
      after: "true",
      test: "test_AConstantEndsWhereItEnds",
    },
    {
      name: "a row of the next constant",
      before: "row < constant_.rows",
      after: "true",
      test: "test_AConstantEndsWhereItEnds",
    },
  ],
  "libraries/model/TraceTree.sol": [
    {
      name: "a run goes on past the tensor",
      before: "first + count <= values",
      after: "true",
      test: "test_NothingIsReadFromElsewhere",
    },
    {
      name: "tiles of any length",
      before: "tile.values.length == length",
      after: "true",
      test: "test_NothingIsReadFromElsewhere",
    },
    {
      name: "tiles of two tensors",
      before: "_tensorOfTile(run.tiles[i], tile + i, values) == root",
      after: "true",
      test: "test_EveryPartOfAProofHasItsPlace",
    },
  ],
};
