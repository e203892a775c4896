import { type Bytes, equal, toHex } from "../../offchain/core/bytes.ts";
import { encodeCheckpoint } from "../../offchain/core/checkpoint.ts";
import { Conversations } from "../../offchain/core/conversations.ts";
import { encodeEntries, trackName } from "../../offchain/core/cut.ts";
import type { GenerateEvent, GenerateOrder } from "../../offchain/core/generate.ts";
import { pageOf } from "../../offchain/core/memory-page.ts";
import { ParentFinder } from "../../offchain/core/parents.ts";
import { Pen } from "../../offchain/core/pen.ts";
import { Pens } from "../../offchain/core/pens.ts";
import { Protocol } from "../../offchain/core/protocol.ts";
import { decodeSegment, encodeSegment } from "../../offchain/core/segment.ts";
import { StatedLeaves } from "../../offchain/core/stated-leaves.ts";
import { unfinished } from "../../offchain/core/unfinished.ts";
import type { MeshPort, PeerHandlers } from "../../offchain/mesh/types.ts";
import { Driver } from "../../offchain/node/driver.ts";
import { RowBook, type RowStore } from "../../offchain/node/row-book.ts";
import { SimAuthor } from "./author.ts";
import type { SimDisk } from "./disk.ts";
import { SimGateway } from "./gateway.ts";
import { type Twist, twist } from "./liars/liars.ts";
import { ROW_BYTES } from "./model.ts";
import { Crash, Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { Clock } from "./scheduler.ts";
import type { SimWorker, Surroundings, WorkerSpec } from "./worker.ts";

const TICK_MS = 200;
const FINISH_AFTER_MS = 2_000;
/** Far fewer than a real worker writes, so that it happens. */
const SEGMENTS_OF_A_TRACK = 120;

/** One process run of a worker: the real protocol, driver, pen, row book, conversations; the world around is simulated. */
export class Life {
  readonly spec: WorkerSpec;
  readonly process: Process;
  readonly clock: Clock;
  readonly protocol: Protocol;
  readonly driver: Driver;
  readonly pens: Pens;
  readonly author: SimAuthor;
  readonly gateway: SimGateway;
  readonly mesh: MeshPort;
  /** What its peers talk to, where it does not lie. */
  readonly handlers: PeerHandlers;
  readonly random: Random;
  /** What makes a liar of it. */
  readonly twist?: Twist;
  /** Orders an answer of another worker. */
  readonly order: (to: Bytes, order: GenerateOrder, on: (event: GenerateEvent | "lost") => void) => () => void;
  readonly #beatAt = new Map<string, number>();
  readonly #up = new Map<string, Bytes>();

  constructor(worker: SimWorker, around: Surroundings, clock: Clock, random: Random) {
    const { spec } = worker;
    const { disk, watch, scheduler } = around;
    this.spec = spec;
    this.clock = clock;
    this.random = random;
    this.process = new Process(scheduler, (where) => worker.died(where));
    const now = () => clock.now();
    this.protocol = new Protocol(spec.options, now());
    const { replica, consensus } = this.protocol;
    const recalled = this.protocol.recall(disk);
    const hashing = spec.options.crypto;
    const rows = new RowBook({
      hashing,
      replica,
      store: rowsInMemory(),
      self: spec.operator,
      rowBytes: ROW_BYTES,
      onRefused: (from, why) => watch.fault(worker, `rows_${why}`, from, undefined),
    });
    this.driver = new Driver({
      protocol: this.protocol,
      store: {
        write: (records) => disk.write(records),
        segment(track, sequence) {
          const held = disk.segment(track, sequence);
          return held && { bytes: encodeSegment(held.segment) };
        },
      },
      rows,
      now,
      failpoint: (name) => this.#mayCrash(name),
      onFault: (kind, operator, error) => watch.fault(worker, kind, operator, error),
      onAccused: ({ a }) => watch.line(worker, `holds evidence against ${toHex(a.header.operator).slice(0, 10)}`),
      onCommitted: (numbers) => watch.line(worker, `sees ${numbers.join()} committed`),
      onRetired() {},
      onMined: (number) => watch.line(worker, `had ${number} committed`),
      onFatal(error) {
        throw error instanceof Crash ? error : new Crash(`because its disk failed: ${error}`);
      },
    });
    const pen = () =>
      new Pen({
        hashing,
        separator: spec.options.separator,
        signer: spec.signer,
        track: { operator: spec.operator, incarnation: random.bytes(16) },
        random: (count) => random.bytes(count),
        commit: (sealed) => {
          watch.sealing(worker, sealed);
          this.driver.commitOwn(sealed);
          watch.sealed(worker, sealed);
        },
        // As the real one, which stops when its pen fails.
        onFailure(error) {
          throw error instanceof Crash ? error : new Crash(`because its pen failed: ${error}`);
        },
      });
    // A liar tells its stories of one track.
    this.pens = new Pens(pen, spec.honest ? SEGMENTS_OF_A_TRACK : Number.POSITIVE_INFINITY);
    const conversations = new Conversations(hashing, replica);
    const parents = new ParentFinder(replica, consensus, conversations);
    const { process, pens } = this;
    this.author = new SimAuthor({
      ...{ process, hashing, consensus, pens, parents, tokenMs: spec.tokenMs },
      onDrawn: (...drawn) => watch.drew(worker, ...drawn),
    });
    this.order = (to, order, on) => around.order(spec, to, order, on);
    this.gateway = new SimGateway({
      process,
      self: spec.operator,
      replica,
      consensus,
      conversations,
      now,
      peersUp: () => [...this.#up.values()],
      lastBeat: (peer) => this.#beatAt.get(toHex(peer)) ?? 0,
      load: () => this.author.load,
      order: (author, order, on) =>
        equal(author, spec.operator) ? this.author.generate(order, on) : this.order(author, order, on),
      silenceMs: spec.silenceMs,
    });
    this.handlers = this.#handlers(disk, rows);
    const { handlers } = this;
    if (spec.role && spec.role !== "honest") {
      this.twist = twist(spec.role, this, random.fork("lies"));
      this.author.generate = this.twist.generate(this.author.generate.bind(this.author));
      this.mesh = this.#crashing(this.twist.mesh(around.mesh(this, this.twist.handlers(handlers))));
    } else this.mesh = this.#crashing(around.mesh(this, handlers));
    this.driver.connect({ mesh: this.mesh });
    const chain = around.chain(this, (update) => {
      this.driver.follow(update);
      watch.update(worker, update);
    });
    this.driver.connect({ chain: this.twist?.chain(chain) ?? chain });
    process.every(TICK_MS, () => this.driver.handle({ type: "tick", load: this.author.load }), "tick");
    process.every(spec.flushMs, () => this.pens.tryFlush(), "flush");
    process.after(0, () => {
      this.mesh.setPeers(this.protocol.following.reachable());
      this.driver.carryOut(recalled);
      this.twist?.start();
    });
    process.after(FINISH_AFTER_MS, () => {
      const orders = unfinished(replica, conversations, (track) => pens.has(track));
      const next = () => {
        const { value } = orders.next();
        if (!value) return;
        this.author.generate(value, ({ type }) => {
          if (type === "closed" || type === "failed") process.after(0, next);
        });
      };
      next();
    });
  }

  /** When a peer's last beat came, by this worker's clock; undefined before the first. */
  lastBeat(peer: Bytes): number | undefined {
    return this.#beatAt.get(toHex(peer));
  }

  /** What new turns are written with. */
  get pen(): Pen {
    return this.pens.current;
  }

  #mayCrash(where: string): void {
    if (this.random.chance(this.spec.crashBeforeEffect)) throw new Crash(where);
  }

  /** A kill may strike between any two things that a worker says. */
  #crashing(mesh: MeshPort): MeshPort {
    if (this.spec.crashBeforeEffect === 0) return mesh;
    const risky = <A extends unknown[]>(name: string, call: (...args: A) => void) => {
      return (...args: A) => {
        this.#mayCrash(`before it could ${name}`);
        call(...args);
      };
    };
    return {
      setPeers: (peers) => mesh.setPeers(peers),
      publishSegment: risky("publish", (bytes) => mesh.publishSegment(bytes)),
      publishEvidence: risky("spread", (evidence) => mesh.publishEvidence(evidence)),
      publishRows: risky("ship rows", (shipment) => mesh.publishRows(shipment)),
      changed: () => mesh.changed(),
      relay: (by) => mesh.relay(by),
      ask: risky("ask", (id, to, question) => mesh.ask(id, to, question)),
      forget: (id) => mesh.forget(id),
      reply: risky("reply", (ticket, reply) => mesh.reply(ticket, reply)),
      peers: () => mesh.peers(),
      close: () => mesh.close(),
    };
  }

  #handlers(disk: SimDisk, rows: RowBook): PeerHandlers {
    const { driver, protocol } = this;
    const stated = new StatedLeaves(protocol.replica, protocol.consensus);
    return {
      beat: (from, beat) => {
        this.#beatAt.set(toHex(from), this.clock.now());
        driver.handle({ type: "beat", from, beat });
      },
      evidence: (_from, evidence) => driver.handle({ type: "evidence", evidence }),
      segment: (from, bytes) =>
        driver.handle({ type: "segments", from, segments: [{ segment: decodeSegment(bytes), size: bytes.length }] }),
      rows: (from, shipment) => rows.receive(from, shipment),
      answered: (id, answer) => driver.handle({ type: "answered", id, answer }),
      attest: (from, ticket, proposal) => driver.handle({ type: "asked", from, ticket, proposal }),
      peerUp: (peer) => {
        this.#up.set(toHex(peer), peer);
        driver.handle({ type: "peer", peer, up: true });
      },
      peerDown: (peer) => {
        this.#up.delete(toHex(peer));
        driver.handle({ type: "peer", peer, up: false });
      },
      heads: () => protocol.replica.heads.all(),
      state: () => protocol.state(this.author.load),
      *segmentsSince(since, of) {
        const wanted = new Set(of.map(toHex));
        const reached = new Map(since.map((head) => [trackName(head), head.sequence]));
        for (const track of disk.tracks())
          if (wanted.has(toHex(track.operator)))
            for (const { segment } of disk.range(
              track,
              (reached.get(trackName(track)) ?? 0) + 1,
              Number.MAX_SAFE_INTEGER,
            ))
              yield encodeSegment(segment);
      },
      *fetch(track, from, to) {
        for (const { segment } of disk.range(track, from, to)) yield encodeSegment(segment);
      },
      cut(number) {
        const committed = protocol.consensus.committed(number);
        if (!committed?.cut) return undefined;
        return { checkpoint: encodeCheckpoint(committed.checkpoint), entries: encodeEntries(committed.cut.entries) };
      },
      memory(number, from) {
        const memories = protocol.consensus.memoriesAt(number);
        return memories && pageOf(memories, from);
      },
      tree: (request) => stated.page(request),
    };
  }
}

function rowsInMemory(): RowStore {
  const rows = new Map<string, Bytes>();
  const name = (track: { operator: Bytes; incarnation: Bytes }, place: { sequence: number; index: number }) =>
    `${trackName(track)} ${place.sequence} ${place.index}`;
  return {
    append: (track, place, bytes) => void rows.set(name(track, place), bytes),
    read: (track, place) => rows.get(name(track, place)),
  };
}
