import { toHex } from "../../../offchain/core/bytes.ts";
import type { Advance } from "../../../offchain/core/cut.ts";
import { Heads } from "../../../offchain/core/heads.ts";
import { encodeSegment, type TrackKey } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Mesh, type MeshOptions, type Peer } from "../../../offchain/mesh/mesh.ts";
import type { Keys, Sealed } from "../../helpers/core.ts";

type Carried = { head: Advance; segments: Uint8Array[] };

const nameOf = ({ operator, incarnation }: TrackKey) => `${toHex(operator)} ${toHex(incarnation)}`;

/** A member of the real mesh that has the tracks of all authors, and nothing to say of its own. */
export class Courier {
  readonly #tracks = new Map<string, Carried>();
  readonly #heads = new Heads();
  readonly #mesh: Mesh;

  private constructor(keys: Keys, separator: Uint8Array) {
    const nothing = {
      ...{ registryPosition: 0, registryMark: new Uint8Array(8), checkpoint: 0, anchor: 0, load: 0, moved: 0 },
      ...{ known: new Uint8Array(8), digest: new Uint8Array(32), evidence: [] },
    };
    const handlers: MeshOptions["handlers"] = {
      beat() {},
      evidence() {},
      segment() {},
      rows() {},
      answered() {},
      attest: (_from, ticket) => this.#mesh.reply(ticket, { type: "refused", code: "busy", message: "never" }),
      heads: () => [],
      state: () => ({ ...nothing, heads: this.#heads }),
      segmentsSince: (since, of) => this.#since(since, of),
      fetch: (track, from, to) => this.#tracks.get(nameOf(track))?.segments.slice(from - 1, to) ?? [],
      cut: () => undefined,
      memory: () => undefined,
      tree: () => undefined,
      async *generate() {},
    };
    this.#mesh = new Mesh({ ...keys, crypto, separator, listen: "127.0.0.1:0", handlers, onFault() {} });
  }

  /** @returns with it where it listens */
  static async start(keys: Keys, separator: Uint8Array): Promise<{ courier: Courier; endpoint: string }> {
    const courier = new Courier(keys, separator);
    const { port } = await courier.#mesh.start();
    return { courier, endpoint: `127.0.0.1:${port}` };
  }

  /** Whom it lets in. */
  meet(peers: readonly Peer[]): void {
    this.#mesh.setPeers(peers);
  }

  /** The next segment of a track. */
  publish({ hash, ...segment }: Sealed): void {
    const { operator, incarnation, sequence } = segment.header;
    const known = this.#tracks.get(nameOf(segment.header))?.segments ?? [];
    const bytes = encodeSegment(segment);
    const segments = [...known, bytes];
    const head = { operator, incarnation, sequence, head: hash };
    this.#tracks.set(nameOf(segment.header), { head, segments });
    this.#heads.set(head);
    this.#mesh.publishSegment(bytes);
    this.#mesh.changed();
  }

  /** Of these operators, what is newer. */
  *#since(heads: readonly Advance[], of: readonly Uint8Array[]): Generator<Uint8Array> {
    const wanted = new Set(of.map(toHex));
    const reached = new Map(heads.map((head) => [nameOf(head), head.sequence]));
    for (const [name, { head, segments }] of this.#tracks)
      if (wanted.has(toHex(head.operator))) yield* segments.slice(reached.get(name) ?? 0);
  }

  close(): Promise<void> {
    return this.#mesh.close();
  }
}
