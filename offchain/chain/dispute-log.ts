import { type ContractFunctionArgs, encodeEventTopics, parseEventLogs, type RpcLog } from "viem";
import { fromHex, toHex } from "../core/bytes.ts";
import type { ChainEvent, Hex } from "../core/chain.ts";
import type { Case, DisputeEvent, Judgement } from "../core/dispute.ts";
import { inferenceCourtAbi } from "./abi.ts";
import { badLog, safeNumber } from "./convert.ts";

type CaseStruct = ContractFunctionArgs<typeof inferenceCourtAbi, "nonpayable", "answer">[0];

/** As contracts take it. */
export function caseStruct(accused: Case): CaseStruct {
  return {
    turn: toHex(accused.turn),
    position: accused.position,
    token: accused.token,
    operator: toHex(accused.operator),
    contextRoot: toHex(accused.contextRoot),
    model: toHex(accused.model),
    constants: accused.constants,
    tensors: accused.tensors,
    requestId: toHex(accused.requestId),
    temperature: accused.temperature,
    gate: accused.gate,
    memoryId: toHex(accused.memoryId),
    memoryCheckpoint: BigInt(accused.memoryCheckpoint),
    memoryCheckpointHash: toHex(accused.memoryCheckpointHash),
    opened: BigInt(accused.opened),
    written: BigInt(accused.written),
    accuser: toHex(accused.accuser),
    bond: accused.bond,
  };
}

/** As contracts give it. */
export function caseOf(struct: CaseStruct): Case {
  return {
    turn: fromHex(struct.turn),
    position: struct.position,
    token: struct.token,
    operator: fromHex(struct.operator),
    contextRoot: fromHex(struct.contextRoot),
    model: fromHex(struct.model),
    constants: struct.constants,
    tensors: struct.tensors,
    requestId: fromHex(struct.requestId),
    temperature: struct.temperature,
    gate: struct.gate,
    memoryId: fromHex(struct.memoryId),
    memoryCheckpoint: safeNumber(struct.memoryCheckpoint),
    memoryCheckpointHash: fromHex(struct.memoryCheckpointHash),
    opened: safeNumber(struct.opened),
    written: safeNumber(struct.written),
    accuser: fromHex(struct.accuser),
    bond: struct.bond,
  };
}

const FOLLOWED = [
  ...(["Accused", "AnswerGiven", "TensorDemanded", "GroupsPosted", "GroupDemanded", "GroupPosted"] as const),
  ...(["AnswerDefeated", "AnswerStood", "AccusationClosed"] as const),
];

/** First topics of the events that are followed. */
export const DISPUTE_TOPICS: readonly Hex[] = FOLLOWED.map(
  (eventName) => encodeEventTopics({ abi: inferenceCourtAbi, eventName })[0] as Hex,
);

/** States of an accusation that is over, in the court's order. */
const JUDGEMENTS: readonly (Judgement | undefined)[] = [undefined, undefined, "convicted", "dismissed", "dropped"];

/** What a log of the inference court says, undefined for events that are not followed. */
export function toDisputeEvent(log: RpcLog): ChainEvent | undefined {
  if (!log.topics[0] || !DISPUTE_TOPICS.includes(log.topics[0])) return undefined;
  const event = read(log);
  if (!event || log.blockNumber === null || log.logIndex === null)
    throw badLog(log, "is not what the inference court of this deployment writes");
  return { ...event, block: safeNumber(log.blockNumber), logIndex: safeNumber(log.logIndex) };
}

function read(log: RpcLog): DisputeEvent | undefined {
  const [parsed] = parseEventLogs({ abi: inferenceCourtAbi, logs: [log as never], strict: true });
  switch (parsed?.eventName) {
    case "Accused": {
      const { id, accused, deadline } = parsed.args;
      return { kind: "accused", id, accused: caseOf(accused), deadline: safeNumber(deadline) };
    }
    case "AnswerGiven": {
      const { traceRoot, answerer, tensorRoots } = parsed.args;
      const hashes = { traceRoot: fromHex(traceRoot), answerer: fromHex(answerer) };
      return {
        kind: "replied",
        ...movedOf(parsed.args),
        ...hashes,
        tensorRoots: tensorRoots.map((one) => fromHex(one)),
      };
    }
    case "TensorDemanded":
      return { kind: "tensorDemanded", ...movedOf(parsed.args), tensor: parsed.args.tensor };
    case "GroupsPosted": {
      const { tensor, groupRoots } = parsed.args;
      const roots = groupRoots.map((one) => fromHex(one));
      return { kind: "groupsPosted", ...movedOf(parsed.args), tensor, groupRoots: roots };
    }
    case "GroupDemanded": {
      const { tensor, group } = parsed.args;
      return { kind: "groupDemanded", ...movedOf(parsed.args), tensor, group };
    }
    case "GroupPosted": {
      const { tensor, group, values } = parsed.args;
      return { kind: "groupPosted", ...movedOf(parsed.args), tensor, group, values: fromHex(values) };
    }
    case "AnswerDefeated":
    case "AnswerStood": {
      const { id, place } = parsed.args;
      return { kind: parsed.eventName === "AnswerStood" ? "stood" : "defeated", id, place: safeNumber(place) };
    }
    case "AccusationClosed": {
      const { id, state } = parsed.args;
      const judgement = JUDGEMENTS[state];
      return judgement && { kind: "judged", id, judgement };
    }
    default:
      return undefined;
  }
}

function movedOf({ id, place, deadline }: { id: Hex; place: bigint; deadline: bigint }) {
  return { id, place: safeNumber(place), deadline: safeNumber(deadline) };
}
