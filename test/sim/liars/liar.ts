import { type Bytes, equal } from "../../../offchain/core/bytes.ts";
import { codeOf } from "../../../offchain/core/errors.ts";
import type { Answer } from "../../../offchain/core/events.ts";
import { decodeSegment, encodeSegment, type Segment } from "../../../offchain/core/segment.ts";
import type { Method } from "../../../offchain/mesh/frames.ts";
import { frameSegment } from "../../../offchain/mesh/plot.ts";
import type { MeshPort, PeerHandlers } from "../../../offchain/mesh/types.ts";
import type { ChainPort } from "../../../offchain/node/driver.ts";
import type { SimAuthor } from "../author.ts";
import type { Life } from "../life.ts";
import { MemoryMesh } from "../mesh.ts";
import type { Random } from "../random.ts";
import { Scribe } from "./scribe.ts";

export type Generate = SimAuthor["generate"];

/** What makes a liar of an honest worker: each of its parts as the world gets to see it, and what it does by itself. */
export type Twist = {
  handlers(honest: PeerHandlers): PeerHandlers;
  mesh(honest: MeshPort): MeshPort;
  chain(honest: ChainPort): ChainPort;
  generate(honest: Generate): Generate;
  start(): void;
  /** Lies no more from now on. What it said stays said. */
  hush(): void;
  /** How often it lied, by kind of lie. */
  readonly lies: ReadonlyMap<string, number>;
};

/** An honest worker as long as nothing is overridden. It is deaf to evidence against itself, and goes on. */
export class Liar implements Twist {
  readonly lies = new Map<string, number>();
  protected readonly life: Life;
  protected readonly random: Random;
  #mesh?: MemoryMesh;
  #chain?: ChainPort;
  #hushed = false;

  constructor(life: Life, random: Random) {
    this.life = life;
    this.random = random;
  }

  handlers(honest: PeerHandlers): PeerHandlers {
    const isOwn = ({ header }: Segment) => equal(header.incarnation, this.life.pen.track.incarnation);
    return {
      ...honest,
      evidence: (from, evidence) => {
        if (!equal(evidence.a.header.operator, this.self)) honest.evidence(from, evidence);
      },
      segment: (from, bytes) => {
        if (!isOwn(decodeSegment(bytes))) return honest.segment(from, bytes);
      },
      answered: (id, answer) => honest.answered(id, this.#deaf(answer, isOwn)),
    };
  }

  #deaf(answer: Answer, isOwn: (segment: Segment) => boolean): Answer {
    if (answer.type === "segments")
      return { ...answer, segments: answer.segments.filter(({ segment }) => !isOwn(segment)) };
    if (answer.type !== "attest" || answer.reply.type !== "evidence") return answer;
    if (!equal(answer.reply.evidence.a.header.operator, this.self)) return answer;
    return { type: "attest", reply: { type: "refused", code: "evidence", message: "" } };
  }

  mesh(honest: MeshPort): MeshPort {
    if (!(honest instanceof MemoryMesh)) throw new TypeError("a liar speaks through the in-memory mesh");
    this.#mesh = honest;
    honest.tamper = (to, method, frame) => (this.#hushed ? [frame] : this.tamper(to, method, frame));
    return {
      setPeers: (peers) => honest.setPeers(peers),
      publishSegment: (bytes) => honest.publishSegment(bytes),
      publishEvidence: (evidence) => honest.publishEvidence(evidence),
      publishRows: (shipment) => honest.publishRows(shipment),
      changed: () => honest.changed(),
      relay: (by) => honest.relay(by),
      ask: (id, to, question) => honest.ask(id, to, question),
      forget: (id) => honest.forget(id),
      reply: (ticket, reply) => honest.reply(ticket, reply),
      peers: () => honest.peers(),
      close: () => honest.close(),
    };
  }

  chain(honest: ChainPort): ChainPort {
    this.#chain = honest;
    return honest;
  }

  generate(honest: Generate): Generate {
    return honest;
  }

  start(): void {}

  hush(): void {
    this.#hushed = true;
  }

  /** What a frame to a peer becomes: nothing, something else, several. What is returned may share no bytes that change. */
  protected tamper(_to: Bytes, _method: Method, frame: Buffer): readonly Buffer[] {
    return [frame];
  }

  protected get self(): Bytes {
    return this.life.spec.operator;
  }

  protected get hushed(): boolean {
    return this.#hushed;
  }

  /** The mesh itself, past every twist. */
  protected get wire(): MemoryMesh {
    if (!this.#mesh) throw new TypeError("there is no mesh yet");
    return this.#mesh;
  }

  /** The hand on the chain itself, past every twist. */
  protected get hand(): ChainPort {
    if (!this.#chain) throw new TypeError("there is no chain yet");
    return this.#chain;
  }

  protected note(lie: string): void {
    this.lies.set(lie, (this.lies.get(lie) ?? 0) + 1);
  }

  /** Whoever can be lied to. */
  protected peers(): Bytes[] {
    return this.wire
      .peers()
      .filter(({ up }) => up)
      .map(({ operator }) => operator);
  }

  /** Some of the peers, at least one when there is one. */
  protected someone(): Bytes[] {
    const peers = this.random.shuffle(this.peers());
    return peers.slice(0, this.random.int(1, Math.max(1, peers.length)));
  }

  /** Does this again and again, after times that are `meanMs` on average. */
  protected often(meanMs: number, lie: () => void): void {
    const { process } = this.life;
    const again = () => {
      if (this.#hushed) return;
      process.after(this.random.exponential(meanMs), again, "lie");
      lie();
    };
    process.after(this.random.exponential(meanMs), again, "lie");
  }

  /** Does it once, later. */
  protected later(ms: number, lie: () => void): void {
    this.life.process.after(ms, () => this.#hushed || lie(), "lie");
  }

  /** A new track of the liar's own hand, which the honest worker in it knows nothing of. */
  protected scribe(): Scribe {
    const { options, signer } = this.life.spec;
    const { crypto, separator } = options;
    const track = { operator: this.self, incarnation: this.random.bytes(16) };
    return new Scribe({ hashing: crypto, separator, signer, random: this.random }, track);
  }

  /** Says a segment to one peer, as if it were next. False when the peer does not listen. */
  protected say(to: Bytes, segment: Segment): boolean {
    return this.wire.inject(to, "plot", frameSegment(encodeSegment(segment)));
  }

  /** Takes a segment that keeps the rules for its own: stored, shown to all and served as any other. */
  protected own(segment: Segment): void {
    const size = encodeSegment(segment).length;
    this.life.driver.handle({ type: "segments", from: this.self, segments: [{ segment, size }] });
  }
}

/** What a frame becomes when it is one that can be read; as it is when it cannot. */
export function reading(frame: Buffer, read: () => readonly Buffer[]): readonly Buffer[] {
  try {
    return read();
  } catch (error) {
    if (codeOf(error) === "internal") throw error;
    return [frame];
  }
}
