import { type Bytes, equal, toHex } from "../../offchain/core/bytes.ts";
import { checkpointHash } from "../../offchain/core/checkpoint.ts";
import { codeOf } from "../../offchain/core/errors.ts";
import type { ChainUpdate, StoreRecord } from "../../offchain/core/events.ts";
import type { Sealed } from "../../offchain/core/pen.ts";
import type { Hashing } from "../../offchain/core/ports.ts";
import type { Proposal } from "../../offchain/core/proposal.ts";
import type { SetMember } from "../../offchain/core/registry.ts";
import type { Request } from "../../offchain/core/request.ts";
import { decodeSnapshot } from "../../offchain/core/snapshot.ts";
import type { MeshPort, PeerHandlers } from "../../offchain/mesh/types.ts";
import type { Block } from "./chain.ts";
import { Beats } from "./invariants/beats.ts";
import { Checkpoints } from "./invariants/checkpoints.ts";
import { bounded } from "./invariants/kept.ts";
import { Memory } from "./invariants/memory.ts";
import { Progress } from "./invariants/progress.ts";
import { Safety } from "./invariants/safety.ts";
import { Seen } from "./invariants/seen.ts";
import { chainReplays } from "./invariants/settled.ts";
import { Violation } from "./invariants/types.ts";
import type { Plan } from "./plan.ts";
import type { Timeline } from "./timeline.ts";
import type { SimWorker, Watch } from "./worker.ts";

/** The same report of the same worker is noted once in so long. */
const QUIET_MS = 10_000;

type Watched = {
  plan: Plan;
  hashing: Hashing;
  workers: () => readonly SimWorker[];
  /** The operator set that counts on the chain now. */
  set: () => readonly SetMember[];
  timeline: Timeline;
  stop: () => void;
};

/** Lays what is seen of a simulation before the invariants, and notes it. What they say stops the simulation. */
export class Watching implements Watch {
  readonly seen: Seen;
  readonly #safety: Safety;
  readonly #checkpoints: Checkpoints;
  /** Where memories are taught. */
  readonly memory?: Memory;
  readonly faults = new Map<string, number>();
  /** Snapshots that honest pens sealed, by kind. */
  readonly snapshots = new Map<string, number>();
  readonly #timeline: Timeline;
  readonly #stop: () => void;
  readonly #workers: () => readonly SimWorker[];
  readonly #owners = new Map<string, string>();
  readonly #reportedAt = new Map<string, number>();
  readonly #beats: Beats;
  readonly progress: Progress;
  readonly #set: () => readonly SetMember[];
  /** Every block of any fork, by its hash. */
  readonly #blocks = new Map<string, Block>();
  /** The first thing that did not hold. */
  failure: unknown;

  constructor({ plan, hashing, workers, set, timeline, stop }: Watched) {
    this.#beats = new Beats(plan);
    this.progress = new Progress(plan);
    this.#set = set;
    this.seen = new Seen(workers);
    this.#safety = new Safety(this.seen);
    this.memory = plan.memory && new Memory(this.seen, hashing);
    this.#checkpoints = new Checkpoints(this.seen);
    this.#workers = workers;
    this.seen.keyOf = (signer) => this.#owners.get(toHex(signer));
    this.#timeline = timeline;
    this.#stop = stop;
  }

  /** What is thrown where others would catch it does not get lost. */
  #check(work: () => void): void {
    if (this.failure !== undefined) return;
    try {
      work();
    } catch (error) {
      this.failure = error;
      this.#stop();
    }
  }

  line(worker: SimWorker, text: string): void {
    this.#timeline.note(worker.name, text);
  }

  block(block: Block): void {
    const { state, parent, hash } = block;
    this.#blocks.set(hash, block);
    if (!parent || state === parent.state) return;
    for (const [signer, owner] of state.signers) this.#owners.set(signer, owner);
    this.#check(() => {
      this.#checkpoints.chain(state);
      this.#events(block, parent);
    });
  }

  /** What a block did to checkpoints, in its order. */
  #events({ state, number, events }: Block, parent: Block): void {
    const line = (text: string) => this.#timeline.note("chain", `block ${number} ${text}`);
    let next = parent.state.checkpoints.length;
    let standing = parent.state.checkpoints.filter(({ fallen }) => !fallen);
    for (const event of events)
      if (event.kind === "committed") {
        const { checkpoint, hash } = event;
        const record = state.checkpoints[checkpoint.number];
        this.#checkpoints.committed(record, standing[standing.length - 1], next++);
        standing.push(record);
        const what = `${checkpoint.number} ${toHex(hash).slice(0, 10)} with ${checkpoint.segmentCount} segments`;
        line(`has checkpoint ${what}`);
      } else if (event.kind === "fell") {
        standing = standing.filter(({ checkpoint }) => checkpoint.number < event.from);
        line(`makes checkpoints fall from ${event.from} on`);
      } else if (event.kind === "disputed") line(`has ${event.open} disputes about checkpoint ${event.number}`);
      else if (event.kind === "paused") line(`pauses until ${event.until}`);
      else if (event.kind === "resumed") line("resumes");
  }

  stored(worker: SimWorker, records: readonly StoreRecord[], forgotten: Parameters<Safety["stored"]>[2]): void {
    if (!worker.honest) return;
    this.#check(() => {
      this.#safety.stored(worker, records, forgotten);
      for (const record of records)
        if (record.type === "segment") {
          this.memory?.hear(record.segment, record.hash);
          this.#safety.bounded(worker, record.segment.header, record.segment.header.sequence);
        }
    });
  }

  sealing(worker: SimWorker, { segment }: Sealed): void {
    if (worker.honest) this.#check(() => this.#safety.sealing(worker, segment));
  }

  sealed(worker: SimWorker, { segment }: Sealed): void {
    if (!worker.honest) return;
    this.#check(() => this.#safety.sealed(worker, segment));
    for (const { body } of segment.snapshots) {
      const { type } = decodeSnapshot(body);
      this.snapshots.set(type, (this.snapshots.get(type) ?? 0) + 1);
    }
  }

  update(worker: SimWorker, { type }: ChainUpdate): void {
    if (type === "reorg") this.line(worker, "reads the chain anew");
    this.#check(() => {
      const block = this.#blocks.get(worker.disk.chainLog.blocks().at(-1)?.hash ?? "");
      if (block && worker.honest) this.#checkpoints.follows(worker, block.state, block.timestamp);
      this.#checkpoints.cuts(worker);
      this.memory?.follows(worker);
      if (type !== "reorg" || !worker.honest) return;
      chainReplays(worker);
      this.seen.count("S11");
    });
  }

  drew(worker: SimWorker, id: Bytes, request: Request, context: readonly number[], token: number): void {
    if (worker.honest) this.#check(() => this.memory?.drew(worker, id, request, context, token));
  }

  fault(worker: SimWorker, kind: string, operator: Bytes | undefined, error: unknown): void {
    const name = `${kind} ${codeOf(error, "-")}`;
    this.faults.set(name, (this.faults.get(name) ?? 0) + 1);
    const about = operator ? ` of ${toHex(operator).slice(0, 10)}` : "";
    if (worker.honest)
      this.#report(worker, `reports ${kind}${about}: ${error instanceof Error ? error.message : error}`);
    // An alarm about somebody honest is a false one, or a true one: either way somebody is broken.
    if (
      kind === "drift" &&
      worker.honest &&
      this.#workers().some((one) => one.honest && operator && equal(one.operator, operator))
    )
      this.#check(() => {
        throw new Violation(
          "S10",
          `${worker.name} says that honest ${toHex(operator as Bytes).slice(0, 10)} has drifted`,
        );
      });
    // A mesh makes faults of what its handlers throw; what core throws is an error of a kind that it names, or a mistake.
    if (kind === "handler" && codeOf(error) === "internal") {
      this.failure ??= error;
      this.#stop();
    }
  }

  /** What is reported again and again is not noted each time. */
  #report(worker: SimWorker, text: string): void {
    const name = `${worker.name} ${text}`;
    const { now } = this.#timeline;
    if (now - (this.#reportedAt.get(name) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    this.#reportedAt.set(name, now);
    this.line(worker, text);
  }

  #proposes(worker: SimWorker, proposal: Proposal): void {
    this.#checkpoints.proposes(worker, proposal);
    const { now } = this.#timeline;
    if (this.progress.proposes(worker, proposal, { now, set: this.#set(), workers: this.#workers() }))
      this.seen.count("L4");
  }

  bounds(): void {
    this.#check(() => {
      for (const worker of this.#workers()) if (worker.honest) bounded(this.seen, worker, this.#timeline.now);
    });
  }

  beats(members: readonly SimWorker[], now: number): void {
    this.#check(() => {
      if (this.#beats.check(this.#workers(), members, now) > 0) this.seen.count("L2");
    });
  }

  /** The worker's mesh, so that its signatures are seen to leave. */
  mesh(worker: SimWorker, make: (handlers: PeerHandlers) => MeshPort, handlers: PeerHandlers): MeshPort {
    if (!worker.honest) return make(handlers);
    const asked = new Map<number, Proposal>();
    const { crypto, separator } = worker.options;
    const signed = (proposal: Proposal) => {
      const hash = checkpointHash(crypto, separator, proposal.checkpoint);
      this.line(worker, `attests to ${proposal.checkpoint.number} ${toHex(hash).slice(0, 10)}`);
      this.#check(() => this.#checkpoints.attests(worker, proposal, hash));
    };
    const mesh = make({
      ...handlers,
      attest: (from, ticket, proposal) => {
        asked.set(ticket, proposal);
        handlers.attest(from, ticket, proposal);
      },
    });
    return {
      setPeers: (peers) => mesh.setPeers(peers),
      publishSegment: (bytes) => mesh.publishSegment(bytes),
      publishEvidence: (evidence) => mesh.publishEvidence(evidence),
      publishRows: (shipment) => mesh.publishRows(shipment),
      changed: () => mesh.changed(),
      relay: (by) => mesh.relay(by),
      ask: (id, to, question) => {
        if (question.type === "attest") {
          signed(question.proposal);
          this.#check(() => this.#proposes(worker, question.proposal));
        }
        mesh.ask(id, to, question);
      },
      forget: (id) => mesh.forget(id),
      reply: (ticket, reply) => {
        const proposal = asked.get(ticket);
        asked.delete(ticket);
        if (proposal && reply.type === "attested") signed(proposal);
        mesh.reply(ticket, reply);
      },
      peers: () => mesh.peers(),
      close: () => mesh.close(),
    };
  }
}
