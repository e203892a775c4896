import type { Beat } from "../../offchain/core/beat.ts";
import { type Bytes, compare, concat, fromHex, utf8, Writer } from "../../offchain/core/bytes.ts";
import { Context } from "../../offchain/core/context.ts";
import type { Segments } from "../../offchain/core/cut.ts";
import { domainSeparator } from "../../offchain/core/hash.ts";
import type { MemoryDefinition } from "../../offchain/core/memory-definition.ts";
import type { Signer } from "../../offchain/core/ports.ts";
import type { RegistryEvent, SetMember } from "../../offchain/core/registry.ts";
import { type Effect, Replica } from "../../offchain/core/replica.ts";
import { type Request, requestId } from "../../offchain/core/request.ts";
import { type Segment, sealSegment, type TrackKey, trackId, turnId } from "../../offchain/core/segment.ts";
import {
  type CloseReason,
  encodeSnapshot,
  type Learn,
  type Parent,
  type Place,
  type Snapshot,
  type TokenKind,
} from "../../offchain/core/snapshot.ts";
import { crypto, signerFromKey } from "../../offchain/crypto/crypto.ts";

export const DOMAIN = {
  name: "Weft",
  version: "1",
  chainId: 31337,
  verifyingContract: new Uint8Array(20).fill(0x22),
} as const;
export const SEPARATOR = domainSeparator(crypto, DOMAIN);

export const hashOf = (label: string): Bytes => crypto.keccak256(utf8(label));
export const signerOf = (label: string): Signer => signerFromKey(hashOf(label));
export const incarnationOf = (label: string): Bytes => hashOf(`incarnation ${label}`).slice(0, 16);

/** Everybody may teach it. */
export const MEMORY: MemoryDefinition = { columns: 256, orders: [1, 2], salt: hashOf("memory"), writers: [] };

/** Segments that teach nothing, by the hashes of their headers. */
export const untaught = (hashAt: Segments["hashAt"]): Segments => ({ hashAt, lessonAt: () => undefined });

export type Keys = { operator: Bytes; signer: Signer };

export function operatorAt(index: number): Keys {
  return { operator: hashOf(`owner ${index}`).slice(12), signer: signerOf(`hot key ${index}`) };
}

export function setOf(members: readonly Keys[], stakes: readonly bigint[] = []): SetMember[] {
  return members
    .map(({ signer }, i) => ({ signer: signer.address, stake: stakes[i] ?? 1000n }))
    .sort((a, b) => compare(a.signer, b.signer));
}

type EventBody = RegistryEvent extends infer E ? (E extends unknown ? Omit<E, "position" | "hash"> : never) : never;

export const REGISTRY_GENESIS = hashOf("registry genesis");

/** Numbers bodies from `after` on, each with a hash that runs over the one before. */
export function numbered(bodies: readonly EventBody[], after: { position: number; hash: Bytes }): RegistryEvent[] {
  let { position, hash } = after;
  return bodies.map((body) => {
    position += 1;
    hash = crypto.keccak256(hash, new Writer().u64(position).done(), utf8(body.kind));
    return { ...body, position, hash } as RegistryEvent;
  });
}

/** Everybody joins, then the first epoch makes them the set. */
export function foundingEvents(members: readonly Keys[], stakes: readonly bigint[] = []): RegistryEvent[] {
  const joins = members.map(
    ({ operator, signer }, i): EventBody => ({
      kind: "joined",
      operator,
      signer: signer.address,
      stake: stakes[i] ?? 1000n,
      endpoint: "127.0.0.1:9000",
    }),
  );
  const activated: EventBody = { kind: "activated", epoch: 1, set: setOf(members, stakes) };
  return numbered([...joins, activated], { position: 0, hash: REGISTRY_GENESIS });
}

export function replicaOf(self: Keys, events: readonly RegistryEvent[]): Replica {
  const replica = new Replica({
    crypto,
    separator: SEPARATOR,
    self: self.operator,
    registryGenesis: REGISTRY_GENESIS,
  });
  for (const event of events) replica.step({ type: "registry", event });
  return replica;
}

/** A request whose context is `history` and then `given`. */
export function requestOf(given: readonly number[], changes: Partial<Request> = {}, history: readonly number[] = []) {
  const request: Request = {
    requester: hashOf("client"),
    nonce: hashOf("nonce"),
    model: hashOf("model"),
    before: { root: Context.of(crypto, history).root, length: history.length },
    after: { root: Context.of(crypto, [...history, ...given]).root, length: history.length + given.length },
    parameters: { temperature: 0, stop: [] },
    maxLength: 64,
    ...changes,
  };
  return request;
}

export type Sealed = Segment & { hash: Bytes };

/** Writes a track as an honest author would: places, roots and salts follow from what was written before. */
export class TrackWriter {
  readonly keys: Keys;
  readonly separator: Bytes;
  readonly track: TrackKey;
  readonly id: Bytes;
  sequence = 0;
  head: Bytes;
  pending: Snapshot[] = [];

  constructor(keys: Keys, label = "1", separator: Bytes = SEPARATOR) {
    this.keys = keys;
    this.separator = separator;
    this.track = { operator: keys.operator, incarnation: incarnationOf(label) };
    this.id = trackId(crypto, this.track);
    this.head = this.id;
  }

  get next(): Place {
    return { sequence: this.sequence + 1, index: this.pending.length };
  }

  /** Another hand with the same key, at the same place. */
  fork(): TrackWriter {
    const copy = new TrackWriter(this.keys);
    return Object.assign(copy, { ...this, pending: [...this.pending] });
  }

  add(snapshot: Snapshot): Place {
    const place = this.next;
    this.pending.push(snapshot);
    return place;
  }

  open(request: Request, more: { parent?: Parent; start?: Context; continues?: Bytes } = {}): TurnWriter {
    const context = more.start?.clone() ?? Context.empty(crypto);
    const place = this.add({
      type: "open",
      requestId: requestId(crypto, request),
      request,
      parent: more.parent,
      start: { length: context.length, peaks: [...context.peaks] },
      continues: more.continues,
    });
    return new TurnWriter(this, turnId(crypto, this.id, place), request, place, context);
  }

  seal(): Sealed {
    const snapshots = this.pending.map((snapshot, index) => ({
      salt: crypto.sha256(this.head, new Writer().u32(index).done()).slice(0, 16),
      body: encodeSnapshot(snapshot),
    }));
    const at = { sequence: this.sequence + 1, previous: this.head };
    const sealed = sealSegment(crypto, this.separator, this.keys.signer, this.track, at, snapshots);
    this.pending = [];
    this.sequence += 1;
    this.head = sealed.hash;
    return sealed;
  }
}

export class TurnWriter {
  readonly id: Bytes;
  readonly request: Request;
  readonly context: Context;
  latest: Place;
  readonly #track: TrackWriter;
  readonly #start: number;

  constructor(track: TrackWriter, id: Bytes, request: Request, opened: Place, context: Context) {
    this.#track = track;
    this.id = id;
    this.request = request;
    this.latest = opened;
    this.context = context;
    this.#start = context.length;
  }

  tokens(kind: TokenKind, ids: readonly number[]): this {
    const first = this.context.length;
    const { root } = this.context.append(ids);
    const rowsDigest = crypto.sha256(concat(...(kind === "written" ? ids.map((id) => Uint8Array.of(id & 255)) : [])));
    const body = { type: "tokens", turn: this.id, previous: this.latest, first, kind, root, rowsDigest, ids } as const;
    this.latest = this.#track.add(body);
    return this;
  }

  learn(first: number, count: number, changes: Partial<Learn> = {}): this {
    const { length, root } = this.context;
    const stated = { memory: MEMORY, start: this.#start, first, count, length, root, ...changes };
    this.latest = this.#track.add({ type: "learn", turn: this.id, previous: this.latest, ...stated });
    return this;
  }

  close(reason: CloseReason = "end"): this {
    this.latest = this.#track.add({
      type: "close",
      turn: this.id,
      previous: this.latest,
      requestId: requestId(crypto, this.request),
      length: this.context.length,
      root: this.context.root,
      reason,
    });
    return this;
  }
}

/** `count` segments: a turn that is opened in the first and gets one written token in each later one. */
export function writeSegments(writer: TrackWriter, count: number, seed = 0): Sealed[] {
  const turn = writer.open(requestOf([1, 2, 3], { nonce: hashOf(`nonce ${seed}`), maxLength: 1000 }));
  turn.tokens("given", [1, 2, 3]);
  const out = [writer.seal()];
  while (out.length < count) {
    turn.tokens("written", [seed + out.length]);
    out.push(writer.seal());
  }
  return out;
}

/** What an honest node of `replica`'s knowledge would say in its next beat, when it says everything. */
export function beatOf(replica: Replica, changes: Partial<Beat> = {}): Beat {
  return {
    registryPosition: replica.registry.position,
    registryMark: replica.registry.hash.slice(0, 8),
    checkpoint: 0,
    anchor: 0,
    ...replica.drift.say(),
    moved: 0,
    load: 0,
    whole: true,
    heads: replica.heads.all(),
    evidence: [...replica.evidence.keys()].map((name) => fromHex(name)),
    ...changes,
  };
}

/** Two whole, signed stories of one operator about one track, that part after `shared` segments. */
export function equivocation(keys: Keys, label: string, shared: number, each: number) {
  const writer = new TrackWriter(keys, label);
  const common = shared > 0 ? writeSegments(writer, shared, 1) : [];
  const other = writer.fork();
  return { common, a: writeSegments(writer, each, 2), b: writeSegments(other, each, 3) };
}

export function feed(replica: Replica, segments: readonly Segment[], from?: Bytes): Effect[] {
  return segments.flatMap((segment) => replica.step({ type: "segment", segment, from }));
}
