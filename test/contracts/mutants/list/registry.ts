import type { Patches } from "../list.ts";

/** Who is in the set, whose stake it is, and what time it is. */
export const registry: Patches = {
  "OperatorRegistry.sol": [
    {
      name: "a conviction waits for the token",
      before: "_advanceConviction(operator, set);",
      after: "_advanceConviction(operator, set); _token.burn(record.stake - _parameters.bounty);",
      test: "test_Rule_AConvictionWaitsForNoToken",
    },
    {
      name: "a bounty is paid twice",
      before: "IERC20(address(_token)).safeTransfer(reporter, bounty);",
      after: "IERC20(address(_token)).safeTransfer(reporter, 2 * bounty);",
      test: "testFuzz_TheMoneyAddsUp",
    },
    {
      name: "nothing is burnt",
      before: "_token.burn(stake - bounty);",
      after: "",
      test: "testFuzz_TheMoneyAddsUp",
    },
    {
      name: "a conviction is settled again and again",
      before: "if (stake == 0) revert OperatorRegistrySettled(operator);\n        record.stake = 0;",
      after: "",
      test: "testFuzz_TwoThingsAtOnePlaceConvictOnce",
    },
    {
      name: "a stake unbonds a second early",
      before: "activeNow < until",
      after: "activeNow + 1 < until",
      test: "testFuzz_APauseExtendsEveryRunningDeadline",
    },
    {
      name: "a retired key is not slashable",
      before: "RegistryRules.hasStake(_operators[operatorOfSigner(signer)].status)",
      after:
        "RegistryRules.hasStake(_operators[operatorOfSigner(signer)].status) && _operators[operatorOfSigner(signer)].signer == signer",
      test: "test_RetiredKeyStaysSlashable",
    },
    {
      name: "a conviction takes a seat that was given back",
      before: "status != OperatorStatus.Left",
      after: "true",
      test: "test_SeatsAreGivenBackOnce",
    },
    {
      name: "a convicted newcomer is waited for",
      before: "if (status == OperatorStatus.Pending) _queue.waiting -= 1;",
      after: "",
      test: "test_TheConvictedAndTheLeavingAreNotWaitedFor",
    },
    {
      name: "a conviction puts out somebody else",
      before: "OperatorSet.remove(set, set.length, listed);",
      after: "",
      test: "test_TheConvictedChangeNothing",
    },
    {
      name: "who reports is forgotten",
      before: "record.listedOrReporter = reporter;",
      after: "",
      test: "testFuzz_TwoThingsAtOnePlaceConvictOnce",
    },
    {
      name: "a rotation takes effect at once",
      before: "record.signer = newSigner;",
      after: "record.signer = newSigner; record.listedOrReporter = newSigner;",
      test: "test_OneRotationPerEpoch",
    },
  ],
  "libraries/RegistryRules.sol": [
    {
      name: "who waits is not slashable",
      before: "status == OperatorStatus.Pending",
      after: "false",
      test: "test_PendingOperatorsLeaveAndAreConvicted",
    },
    {
      name: "who leaves is not slashable",
      before: "status == OperatorStatus.Exiting",
      after: "false",
      test: "test_TheConvictedChangeNothing",
    },
    {
      name: "who left is not slashable",
      before: "status == OperatorStatus.Left",
      after: "false",
      test: "test_RetiredKeyStaysSlashable",
    },
    {
      name: "unbonding does not outlast pauses",
      before: "p.retentionSeconds + p.longestPauseSeconds + p.graceSeconds",
      after: "p.retentionSeconds + p.graceSeconds",
      test: "testFuzz_UnbondingOutlastsEveryLiability",
    },
    {
      name: "retention need not outlast disputes",
      before: "uint256(p.challengeWindowSeconds) + p.disputeWindowsSeconds",
      after: "uint256(p.challengeWindowSeconds)",
      test: "test_BadParametersAreRefused",
    },
  ],
  "registry/ActiveClock.sol": [
    {
      name: "a pause does not expire",
      before: "block.timestamp < latest.until ? latest.start : block.timestamp - (latest.until - latest.start)",
      after: "(latest.index > 0 ? latest.start : block.timestamp)",
      test: "testFuzz_APauseExtendsEveryRunningDeadline",
    },
    {
      name: "a pause does not extend",
      before: "block.timestamp - (latest.until - latest.start)",
      after: "block.timestamp",
      test: "testFuzz_APauseExtendsEveryRunningDeadline",
    },
    {
      name: "earlier pauses are forgotten",
      before: "latest.before + (latest.until - latest.start)",
      after: "latest.until - latest.start",
      test: "testFuzz_WallTimeIsTheFirstMomentOfAnActiveTime",
    },
    {
      name: "a pause that was ended counts whole",
      before: "_latest.until = block.timestamp.toUint64();",
      after: "",
      test: "testFuzz_APauseExtendsEveryRunningDeadline",
    },
    {
      name: "pause follows upon pause",
      before: "latest.until + longest",
      after: "latest.until",
      test: "test_PausesAreShortAndFarBetween",
    },
    {
      name: "a deadline moves by a pause that began with it",
      before: "candidate.start - candidate.before < active",
      after: "candidate.start - candidate.before <= active",
      test: "testFuzz_WallTimeIsTheFirstMomentOfAnActiveTime",
    },
  ],
  "registry/EpochQueue.sol": [
    {
      name: "changes are not capped",
      before: "limit > _parameters.maxChangesPerEpoch && !_queue.retired",
      after: "false",
      test: "test_ChangesAreCappedPerEpoch",
    },
    {
      name: "a retired registry lets few leave",
      before: "!_queue.retired",
      after: "true",
      test: "test_ASuccessorTakesOverAfterItsNotice",
    },
    {
      name: "changes of the convicted are applied",
      before: "if (status == OperatorStatus.Convicted) return length;",
      after: "",
      test: "test_TheConvictedChangeNothing",
    },
    {
      name: "who left before it was listed is listed",
      before: "change.kind == KIND_JOINED && status == OperatorStatus.Pending",
      after: "change.kind == KIND_JOINED",
      test: "test_PendingOperatorsLeaveAndAreConvicted",
    },
    {
      name: "who leaves keeps its seat",
      before: "_queue.seats -= 1;",
      after: "",
      test: "test_SeatsAreGivenBackOnce",
    },
    {
      name: "who left need not wait",
      before: "record.leftAt = activeNow;",
      after: "",
      test: "testFuzz_APauseExtendsEveryRunningDeadline",
    },
    {
      name: "a rotation lists the old key",
      before: "OperatorSet.insert(set, length - 1, OperatorSet.word(record.signer, record.stake));",
      after: "OperatorSet.insert(set, length - 1, OperatorSet.word(listed, record.stake));",
      test: "test_RetiredKeyStaysSlashable",
    },
  ],
  "registry/RegistryPositions.sol": [
    {
      name: "the running hash does not run",
      before: "abi.encode(before, number, kind, payload)",
      after: "abi.encode(number, kind, payload)",
      test: "S11: positions hash to what the events say, from the chain and the address on",
    },
    {
      name: "a conviction does not outdate checkpoints",
      before: "emit OperatorConvicted(number, hash, operator, msg.sender, digest, set);",
      after:
        "_head.lastSetPosition = number - 1; emit OperatorConvicted(number, hash, operator, msg.sender, digest, set);",
      test: "testFuzz_TwoThingsAtOnePlaceConvictOnce",
    },
    {
      name: "an epoch has no beginning",
      before: "_head.activatedAt = activeNow;",
      after: "",
      test: "test_AnEpochNeedsItsTimeAndSomethingToDo",
    },
    {
      name: "all registries begin alike",
      before: 'abi.encode(keccak256("Weft registry"), block.chainid, address(this))',
      after: 'abi.encode(keccak256("Weft registry"))',
      test: "S11: positions hash to what the events say, from the chain and the address on",
    },
  ],
  "registry/SignerKeys.sol": [
    {
      name: "a contract consents to everything",
      before: "ECDSA.recoverCalldata(consentDigest(msg.sender, signer), consent) != signer",
      after: "signer.code.length == 0 && ECDSA.recoverCalldata(consentDigest(msg.sender, signer), consent) != signer",
      test: "test_Rule_SignaturesOfContractsAreNoEvidence",
    },
    {
      name: "a consent is to whoever shows it",
      before: "abi.encode(CONSENT_TYPEHASH, operator, signer)",
      after: "abi.encode(CONSENT_TYPEHASH, signer)",
      test: "test_AConsentIsToOneOwner",
    },
  ],
};
