import { type Bytes, equal, toHex } from "./bytes.ts";
import type { ChainEvent, Hex } from "./chain.ts";

/** Who is accused of which token of an exact model, as `IInferenceCourt.Case` has it. */
export type Case = {
  turn: Bytes;
  /** Of the token, absolute: the forward pass that decides it is over so many positions. */
  position: number;
  token: number;
  operator: Bytes;
  /** Of a context that goes on at least to this token. */
  contextRoot: Bytes;
  model: Bytes;
  constants: number;
  tensors: number;
  requestId: Bytes;
  temperature: number;
  /** An index into `GATES`; where it is 0 the memory's fields are zeros. */
  gate: number;
  memoryId: Bytes;
  memoryCheckpoint: number;
  memoryCheckpointHash: Bytes;
  /** Numbers of the checkpoints that have the opening and the token. */
  opened: number;
  written: number;
  accuser: Bytes;
  /** In the stake token's smallest unit. */
  bond: bigint;
};

/** How an accusation ended. `dropped`: a checkpoint that it rests on fell. */
export type Judgement = "convicted" | "dismissed" | "dropped";

/** What the court says of a turn: nobody accuses it now, somebody does, or a token of it was proven wrong. */
export const COURT_SAYS = ["silent", "accused", "void"] as const;
export type CourtSays = (typeof COURT_SAYS)[number];

/** What the court says of accusations. Deadlines are active seconds, by which the next move has to be made. */
export type DisputeEvent =
  | { kind: "accused"; id: Hex; accused: Case; deadline: number }
  | {
      kind: "replied";
      id: Hex;
      /** 0 is the accused's own answer. */
      place: number;
      traceRoot: Bytes;
      answerer: Bytes;
      tensorRoots: readonly Bytes[];
      deadline: number;
    }
  | { kind: "tensorDemanded"; id: Hex; place: number; tensor: number; deadline: number }
  | { kind: "groupsPosted"; id: Hex; place: number; tensor: number; groupRoots: readonly Bytes[]; deadline: number }
  | { kind: "groupDemanded"; id: Hex; place: number; tensor: number; group: number; deadline: number }
  | { kind: "groupPosted"; id: Hex; place: number; tensor: number; group: number; values: Bytes; deadline: number }
  /** An answer is out, or stands. */
  | { kind: "defeated" | "stood"; id: Hex; place: number }
  | { kind: "judged"; id: Hex; judgement: Judgement };

/** Whose move it is about an answer: of `answered`, `groups` and `group` the accuser's. In the court's order. */
export const STAGES = ["none", "answered", "tensor", "groups", "demanded", "group", "stood", "defeated"] as const;
export type Stage = (typeof STAGES)[number];

/** An answer, and how far the game about it is. */
export type Reply = {
  place: number;
  traceRoot: Bytes;
  answerer: Bytes;
  tensorRoots: readonly Bytes[];
  stage: Stage;
  deadline: number;
  /** What was demanded, and what was shown of it. */
  tensor?: number;
  groupRoots?: readonly Bytes[];
  group?: number;
  values?: Bytes;
};

/** An accusation that the court has not judged. */
export type Dispute = { id: Hex; accused: Case; deadline: number; replies: ReadonlyMap<number, Reply> };

/** All accusations that are not over, and the turns that are void, by what the court said: nothing else is remembered. */
export class Disputes {
  readonly #open = new Map<Hex, Dispute & { replies: Map<number, Reply> }>();
  /** Hardly more than there are convicted operators, for a turn of theirs is not accused any more. */
  readonly #void = new Set<Hex>();

  /** Ascending by when they began. */
  get open(): readonly Dispute[] {
    return [...this.#open.values()];
  }

  of(id: Hex): Dispute | undefined {
    return this.#open.get(id);
  }

  /** What has become of a turn. */
  says(turn: Bytes): CourtSays {
    if (this.#void.has(toHex(turn))) return "void";
    return this.open.some(({ accused }) => equal(accused.turn, turn)) ? "accused" : "silent";
  }

  /** The chain is read again from its beginning. */
  clear(): void {
    this.#open.clear();
    this.#void.clear();
  }

  /** What the chain said; only what the inference court said counts. */
  take(event: ChainEvent): void {
    switch (event.kind) {
      case "accused": {
        const { id, accused, deadline } = event;
        this.#open.set(id, { id, accused, deadline, replies: new Map() });
        break;
      }
      case "judged": {
        const judged = this.#open.get(event.id);
        if (judged && event.judgement === "convicted") this.#void.add(toHex(judged.accused.turn));
        this.#open.delete(event.id);
        break;
      }
      case "replied":
      case "tensorDemanded":
      case "groupsPosted":
      case "groupDemanded":
      case "groupPosted":
      case "defeated":
      case "stood": {
        const replies = this.#open.get(event.id)?.replies;
        const after = replyAfter(replies?.get(event.place), event);
        if (after) replies?.set(event.place, after);
      }
    }
  }
}

function replyAfter(
  reply: Reply | undefined,
  event: Exclude<DisputeEvent, { kind: "accused" | "judged" }>,
): Reply | undefined {
  if (event.kind === "replied") {
    const { place, traceRoot, answerer, tensorRoots, deadline } = event;
    return { place, traceRoot, answerer, tensorRoots, stage: "answered", deadline };
  }
  if (!reply) return undefined;
  switch (event.kind) {
    case "tensorDemanded":
      return { ...reply, stage: "tensor", tensor: event.tensor, deadline: event.deadline };
    case "groupsPosted":
      return { ...reply, stage: "groups", groupRoots: event.groupRoots, deadline: event.deadline };
    case "groupDemanded":
      return { ...reply, stage: "demanded", group: event.group, deadline: event.deadline };
    case "groupPosted":
      return { ...reply, stage: "group", values: event.values, deadline: event.deadline };
    default:
      return { ...reply, stage: event.kind };
  }
}

function isUndecided({ stage }: Reply): boolean {
  return stage !== "none" && stage !== "stood" && stage !== "defeated";
}

/** From when on the court can decide something of it by time alone; in active seconds. */
export function dueAt({ deadline, replies }: Dispute): number {
  const waiting = [...replies.values()].filter(isUndecided).map((reply) => reply.deadline);
  return waiting.length > 0 ? Math.min(...waiting) : deadline;
}

/** Who one is in disputes. */
export type Party = {
  operator: Bytes;
  /** Of the key that signs transactions. */
  account: Bytes;
};

export function isAccuser({ accused }: Dispute, { account }: Party): boolean {
  return equal(accused.accuser, account);
}

export function isAccused({ accused }: Dispute, { operator }: Party): boolean {
  return equal(accused.operator, operator);
}
