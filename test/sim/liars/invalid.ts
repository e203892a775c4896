import { equal } from "../../../offchain/core/bytes.ts";
import type { Segment } from "../../../offchain/core/segment.ts";
import { Liar } from "./liar.ts";
import { BREACHES, type Elsewhere, ORPHANS } from "./rules.ts";
import type { Scribe } from "./scribe.ts";

/** More of them would be a flood. */
const MOST_TRACKS = 40;

/**
 * Signs segments that break a rule of DESIGN §3, each of them as it should be in every other way, and goes on after them; signs
 * turns whose parents nobody may refer to. Attacks S3 and whoever attests: such a track stops before the segment at everybody,
 * nobody attests to it, orphans harm nobody, and names that lead in circles end.
 */
export class InvalidSegments extends Liar {
  readonly #tracks: Scribe[] = [];

  override start(): void {
    this.often(1_200, () => this.#breach());
    this.often(3_000, () => this.#orphan());
    this.often(3_000, () => this.#jump());
    this.often(5_000, () => this.#goOn());
  }

  /** A track that can still go on, old or new. */
  #track(): Scribe | undefined {
    const sound = this.#tracks.filter(({ broken }) => !broken);
    if (sound.length > 0 && this.random.chance(0.5)) return this.random.pick(sound);
    if (this.#tracks.length >= MOST_TRACKS) return undefined;
    const scribe = this.scribe();
    this.#tracks.push(scribe);
    // Most have a past that nobody can find fault with.
    for (let sound = this.random.int(0, 2); sound > 0; sound--) {
      scribe.turn().close();
      this.own(scribe.seal());
    }
    return scribe;
  }

  #breach(): void {
    const scribe = this.#track();
    if (!scribe) return;
    const names = [...Object.keys(BREACHES), "snapshots of another root", "other snapshots than are counted"];
    const name = this.random.pick(names);
    const breach = name in BREACHES ? BREACHES[name] : undefined;
    if (breach) breach(scribe, this.#elsewhere());
    else scribe.turn();
    const sealed = scribe.seal();
    scribe.broken = true;
    this.note(name);
    this.#show(breach ? sealed : this.#damaged(sealed, name));
  }

  /** The next place, after another segment than stands before it. */
  #jump(): void {
    const scribe = this.#track();
    if (!scribe) return;
    scribe.turn();
    const sealed = scribe.seal({ sequence: scribe.sequence + 1, previous: this.random.bytes(32) });
    scribe.broken = true;
    this.note("after what nobody wrote");
    this.#show(sealed);
  }

  /** Signed as it is, and shown as it is not: nobody may take it, nor hold it against anybody. */
  #damaged(sealed: Segment, name: string): Segment {
    const [first, ...rest] = sealed.snapshots;
    const other = { ...first, salt: this.random.bytes(16) };
    const snapshots = name === "snapshots of another root" ? [other, ...rest] : rest;
    return { header: { ...sealed.header, snapshotCount: snapshots.length }, signature: sealed.signature, snapshots };
  }

  #orphan(): void {
    const scribe = this.#track();
    if (!scribe) return;
    const name = this.random.pick(Object.keys(ORPHANS));
    ORPHANS[name](scribe, this.#elsewhere());
    this.note(name);
    this.own(scribe.seal());
  }

  /** What follows on an invalid segment, or another one again. */
  #goOn(): void {
    const broken = this.#tracks.filter((scribe) => scribe.broken);
    if (broken.length === 0) return;
    const scribe = this.random.pick(broken);
    scribe.turn();
    this.#show(this.random.chance(0.7) ? scribe.seal() : (scribe.written.at(-1) as Segment));
    this.note("gone on after it");
  }

  #show(segment: Segment): void {
    for (const peer of this.random.chance(0.5) ? this.peers() : this.someone()) this.say(peer, segment);
  }

  #elsewhere(): Elsewhere {
    const { replica, consensus } = this.life.protocol;
    const { cut, checkpoint, hash } = consensus.latest;
    const turns = [...replica.tracks.values()].flatMap((track) => [...track.turns.values()]);
    const foreign = turns.filter(({ track }) => !equal(track.operator, this.self));
    const open = turns.filter((turn) => turn.latest.sequence > (cut?.entry(turn.track)?.sequence ?? 0));
    const some = (of: typeof turns) => (of.length > 0 ? this.random.pick(of).id : this.random.bytes(32));
    return { foreign: some(foreign), uncommitted: some(open), checkpoint: { number: checkpoint.number, hash } };
  }
}
