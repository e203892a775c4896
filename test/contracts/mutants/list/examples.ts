import type { Patches } from "../list.ts";

/** What readers believe, and what examples pay for. */
export const examples: Patches = {
  "readers/WeftReader.sol": [
    {
      name: "places of two ledgers are mixed up",
      before: "hop << 128",
      after: "0",
      test: "test_FollowsSuccessorsOnceTheyTookOver",
    },
    {
      name: "places of two checkpoints are mixed up",
      before: "uint256(proof.number) << 64",
      after: "0",
      test: "testFuzz_TheFirstAnswerIsPaid",
    },
    {
      name: "a successor counts before it takes over",
      before: "!ledger.retired()",
      after: "false",
      test: "test_FollowsSuccessorsOnceTheyTookOver",
    },
  ],
  "readers/CanonicalAnswers.sol": [
    {
      name: "the same answer is claimed again",
      before: "close.place.order >= claimed.close.place.order",
      after: "close.place.order > claimed.close.place.order",
      test: "testFuzz_TheFirstAnswerIsPaid",
    },
    {
      name: "a void claim is not replaced",
      before: "closesAt == 0 || _isVoid(claimed.close)",
      after: "closesAt == 0",
      test: "test_WhoIsConvictedIsNotPaidAndMakesRoom",
    },
    {
      name: "nobody has time to show an earlier answer",
      before: "uint64(block.timestamp) + _claimWindow",
      after: "uint64(block.timestamp)",
      test: "test_TheWindowIsNeitherSkippedNorReopened",
    },
    {
      name: "a convicted operator's answer counts",
      before: "registry.operatorOf(close.place.operator).status == OperatorStatus.Convicted",
      after: "false",
      test: "test_WhoIsConvictedIsNotPaidAndMakesRoom",
    },
    {
      name: "a void turn counts",
      before: "_courtOf(close).isVoid(close.turn)",
      after: "false",
      test: "test_AVoidAnswerIsNotPaidAndMakesRoom",
    },
    {
      name: "an answer is paid while it is accused",
      before: "open > 0",
      after: "false",
      test: "test_AnAccusedAnswerWaitsForItsCourt",
    },
  ],
  "examples/AnswerEscrow.sol": [
    {
      name: "an order is paid twice",
      before: "_credits[answer.place.operator] += amount;",
      after: "_credits[answer.place.operator] += amount; order.amount = amount;",
      test: "testFuzz_TheFirstAnswerIsPaid",
    },
    {
      name: "an order is taken back twice",
      before: "_credits[order.payer] += amount;",
      after: "_credits[order.payer] += amount; order.amount = amount;",
      test: "test_AnUnansweredOrderIsTakenBackAndAnAnsweredOneIsNot",
    },
    {
      name: "a credit is withdrawn again and again",
      before: "_credits[msg.sender] = 0;",
      after: "",
      test: "test_AnUnansweredOrderIsTakenBackAndAnAnsweredOneIsNot",
    },
    {
      name: "anybody is on the list",
      before: "accepted[i] == operator",
      after: "true",
      test: "test_ATolerantModelIsAnsweredByWhoWasNamed",
    },
  ],
  "examples/OnChainCharacter.sol": [
    {
      name: "the nonce is known when the question is asked",
      before: "blockhash(askedIn + 1)",
      after: "blockhash(askedIn)",
      test: "test_TheNonceComesLater",
    },
    {
      name: "the nonce is drawn before there is one",
      before: "block.number > askedIn + 1",
      after: "block.number > askedIn",
      test: "test_TheNonceComesLater",
    },
    {
      name: "a line begins where it began before",
      before: "_contextLength = next;",
      after: "",
      test: "testFuzz_TellsTheTokensOfTheCanonicalAnswer",
    },
  ],
};
