import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { Command } from "commander";
import { equal } from "../../offchain/core/bytes.ts";
import { DEFAULT_ORDERS, type MemoryDefinition } from "../../offchain/core/memory-definition.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { createEngine } from "../../offchain/inference/engine.ts";
import { hashOf } from "../helpers/core.ts";
import { picture } from "../sim/picture.ts";
import { foretold, type Score, score } from "./memory/scores.ts";
import { Mesh, TURN } from "./memory/writers.ts";

/** What a memory is worth: bits per byte of a text that nobody wrote, by how much three others have written. */

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const data = (name: string) => here(`texts/${name}.txt.gz`);

const options = new Command("memory")
  .description("Measures what a memory that three writers teach is worth to a fourth, and what it costs elsewhere.")
  .option("--learn <files...>", "texts, one for each writer", ["genesis", "jeremiah", "matthew"].map(data))
  .option("--text <file>", "what is measured: like what is learnt, and written by nobody", data("samuel"))
  .option("--held-out <file>", "where the memory has nothing to say", data("austen"))
  .option("--picture <file>", "where the picture goes", here("../../docs/memory.svg"))
  .parse()
  .opts<{ learn: string[]; text: string; heldOut: string; picture: string }>();

/** Bytes learnt, of all writers together. */
const SIZES = [60_000, 150_000, 300_000, 600_000];
const MOST_BITS = 0.7;
const MOST_COST = 1.01;

const say = (line: string) => process.stdout.write(`${line}\n`);
const read = (path: string) => (path.endsWith(".gz") ? gunzipSync(readFileSync(path)) : readFileSync(path));
const definition: MemoryDefinition = { columns: 256, orders: DEFAULT_ORDERS, salt: hashOf("bench"), writers: [] };

function turnsOf(text: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(text.length / TURN) }, (_, i) => text.subarray(i * TURN, (i + 1) * TURN));
}

const texts = options.learn.map((path) => read(path).subarray(0, Math.max(...SIZES) / options.learn.length));
const turns = texts.map(turnsOf);
/** Turns of each writer up to a size; a size is reached at the end of a turn. */
const upTo = (size: number) => Math.ceil(size / texts.length / TURN);

const engine = await createEngine(here("../../models/weft-austen"), crypto);
const alike = await foretold(engine, read(options.text));
const foreign = await foretold(engine, read(options.heldOut));
await engine.close();

type Line = { bytes: number; alike: Score; foreign: Score };
const mesh = new Mesh(texts.length, definition);
const lines: Line[] = [{ bytes: 0, alike: score(alike, undefined), foreign: score(foreign, undefined) }];
const gates = (of: Score) => Object.values(of.chosen).join("/");
const row = ({ bytes, alike: a, foreign: f }: Line) =>
  [
    String(bytes).padStart(8),
    ...[a.off, a.weak, a.medium, a.strong, a.auto].map((bits) => bits.toFixed(3).padStart(8)),
    `${((100 * a.auto) / a.off - 100).toFixed(1)} %`.padStart(9),
    gates(a).padStart(13),
    ...[f.off, f.strong, f.auto].map((bits) => bits.toFixed(3).padStart(8)),
    `${((100 * f.auto) / f.off - 100).toFixed(2)} %`.padStart(9),
    gates(f).padStart(13),
  ].join("");

say(
  `${texts.length} writers, orders ${definition.orders.join(", ")}; bits per byte under each gate and the one chosen`,
);
say("  learnt     off    weak  medium  strong    auto   change  chosen: off/weak/medium/strong; then held out");
say(row(lines[0] as Line));
let done = 0;
for (const size of SIZES) {
  const next = turns.map((list) => list.slice(done, upTo(size)));
  done = upTo(size);
  mesh.write(next);
  mesh.commit();
  const bytes = turns.reduce((sum, list) => sum + list.slice(0, done).reduce((all, turn) => all + turn.length, 0), 0);
  lines.push({ bytes, alike: score(alike, mesh.memory), foreign: score(foreign, mesh.memory) });
  say(row(lines.at(-1) as Line));
}
say(`${mesh.segments} segments, ${SIZES.length} checkpoints, a memory root after each segment`);

const alone = new Mesh(1, definition);
alone.write(turns);
alone.fold();
const last = lines.at(-1) as Line;
const same = equal(alone.root, mesh.root) && score(alike, alone.memory).auto === last.alike.auto;
say(`the same text by one writer: ${same ? "the same root, the same bits" : "ANOTHER RESULT"}`);

const [none] = lines as [Line];
const points = (of: (line: Line) => number) => lines.map((line) => [line.bytes, of(line)] as const);
const flat = (bits: number) => [[0, bits] as const, [last.bytes, bits] as const];
writeFileSync(
  options.picture,
  picture("Bits per byte of two texts by the bytes that a memory has learnt, with the memory and without it.", [
    {
      title: "What three writers' memory is worth to a fourth",
      x: { name: "bytes learnt", from: 0, to: 600_000, ticks: [0, 150_000, 300_000, 450_000, 600_000] },
      y: { name: "bits/byte", from: 1, to: 3.5, ticks: [1, 1.5, 2, 2.5, 3, 3.5] },
      lines: [
        { name: "King James alone", color: "#888", points: flat(none.alike.off), dashed: true },
        { name: "with the memory", color: "#2b5fad", points: points((line) => line.alike.auto) },
        { name: "Austen alone", color: "#888", points: flat(none.foreign.off), dashed: true },
        { name: "Austen, gate chosen", color: "#2f8f4e", points: points((line) => line.foreign.auto) },
      ],
    },
  ]),
);

const fewer = last.alike.auto / none.alike.off;
const cost = Math.max(...lines.map(({ foreign: { auto, off } }) => auto / off));
say(`at ${last.bytes} bytes ${((1 - fewer) * 100).toFixed(1)} % fewer bits (at least 30 %)`);
say(`held out the chosen gate costs ${((cost - 1) * 100).toFixed(2)} % at most (at most 1 %)`);
process.exitCode = same && fewer <= MOST_BITS && cost <= MOST_COST ? 0 : 1;
