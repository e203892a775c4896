import type { Bytes } from "../../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash, genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { Cut, checkpointOf, memoriesAfter, type Segments } from "../../../offchain/core/cut.ts";
import { Memories, type Memory } from "../../../offchain/core/memories.ts";
import { type MemoryDefinition, memoryId } from "../../../offchain/core/memory-definition.ts";
import type { TrackKey } from "../../../offchain/core/segment.ts";
import { Track } from "../../../offchain/core/track.ts";
import { mostLearnt } from "../../../offchain/core/turn.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, operatorAt, requestOf, SEPARATOR, TrackWriter } from "../../helpers/core.ts";

/** Bytes of one turn: no context reaches from one into another. */
export const TURN = 512;

/** An operator that writes text and teaches it, and its track as everybody else has it: every segment examined. */
class Teacher {
  readonly track: Track;
  readonly #writer: TrackWriter;
  readonly #memory: MemoryDefinition;

  constructor(index: number, memory: MemoryDefinition) {
    this.#writer = new TrackWriter(operatorAt(index));
    this.track = new Track(crypto, this.#writer.track);
    this.#memory = memory;
  }

  /** One turn: the text in short runs, each followed by what is learnt of it, each in a segment of its own. */
  *turn(text: Uint8Array): Generator<void> {
    const nonce = hashOf(`${this.#writer.sequence}`);
    const turn = this.#writer.open(requestOf([], { nonce, maxLength: text.length }));
    const run = mostLearnt(this.#memory);
    for (let first = 0; first < text.length; first += run) {
      const ids = [...text.subarray(first, first + run)];
      turn.tokens("written", ids).learn(first, ids.length, { memory: this.#memory });
      if (first + run >= text.length) {
        // Learning ends its segment, so the close begins the next one.
        this.#seal();
        turn.close("length");
      }
      this.#seal();
      yield;
    }
  }

  #seal(): void {
    const segment = this.#writer.seal();
    this.track.apply(this.track.examine(segment, segment.hash));
  }
}

/** Tracks that are written at the same time, and the checkpoints that fold them. */
export class Mesh {
  readonly #teachers: Teacher[];
  readonly #definition: MemoryDefinition;
  #parent: { checkpoint: Checkpoint; hash: Bytes; cut: Cut; memories: Memories };

  constructor(writers: number, definition: MemoryDefinition) {
    this.#definition = definition;
    this.#teachers = Array.from({ length: writers }, (_, i) => new Teacher(i, definition));
    const memories = Memories.empty(crypto);
    const checkpoint = genesisCheckpoint(crypto, hashOf("registry"));
    this.#parent = {
      checkpoint,
      hash: checkpointHash(crypto, SEPARATOR, checkpoint),
      cut: Cut.empty(crypto),
      memories,
    };
  }

  get memory(): Memory | undefined {
    return this.#parent.memories.of(memoryId(crypto, this.#definition));
  }

  get root(): Bytes {
    return this.#parent.memories.root;
  }

  get segments(): number {
    return this.#teachers.reduce((sum, { track }) => sum + track.sequence, 0);
  }

  /** All write at once: a segment of the first, one of the second, and so on. @param turns a list for each writer */
  write(turns: readonly (readonly Uint8Array[])[]): void {
    const pens = turns.map((list, i) => {
      const teacher = this.#teachers[i % this.#teachers.length] as Teacher;
      return (function* () {
        for (const text of list) yield* teacher.turn(text);
      })();
    });
    if (this.#teachers.length < turns.length) for (const pen of pens) while (!pen.next().done);
    else while (pens.filter((pen) => !pen.next().done).length > 0);
  }

  #segments(): Segments {
    const track = ({ operator }: TrackKey) =>
      this.#teachers.find((teacher) => teacher.track.key.operator.every((byte, i) => byte === operator[i]))
        ?.track as Track;
    return {
      hashAt: (key, sequence) => track(key).hashAt(sequence) as Bytes,
      lessonAt: (key, sequence) => track(key).lessonAt(sequence),
    };
  }

  #cut(): Cut {
    const advances = this.#teachers.map(({ track }) => ({ ...track.key, sequence: track.sequence, head: track.head }));
    return this.#parent.cut.extend(crypto, advances, () => false);
  }

  /** The next checkpoint over all that was written, with the memory root after every segment. */
  commit(): void {
    const cut = this.#cut();
    const registry = { position: 0, hash: hashOf("registry") };
    const { checkpoint, memories } = checkpointOf(crypto, this.#parent, cut, registry, this.#segments());
    this.#parent = { checkpoint, hash: checkpointHash(crypto, SEPARATOR, checkpoint), cut, memories };
  }

  /** As `commit`, without the roots in between, for where nobody asks for a trace. */
  fold(): void {
    const cut = this.#cut();
    let { memories } = this.#parent;
    for (memories of memoriesAfter(this.#parent, cut, this.#segments()));
    this.#parent = { ...this.#parent, cut, memories };
  }
}
