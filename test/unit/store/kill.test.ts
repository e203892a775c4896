import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { equal } from "../../../offchain/core/bytes.ts";
import { batchOf, contents, openStore, place, random, rowsOf, segmentOf, temporary, trackOf } from "./fixture.ts";

type Death = { at: string; count: number } | { after: number };

/** Runs a writer until it is dead; what it said is what it knew to be durable. */
async function linesUntilKilled(writer: string, folder: string, argument: number, death: Death): Promise<string[]> {
  const at = "at" in death ? [death.at, String(death.count)] : ["never", "0"];
  const program = [join(import.meta.dirname, writer), folder, String(argument), ...at];
  const child = spawn(process.execPath, program, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk) => {
    if (said === "" && "after" in death) setTimeout(() => child.kill("SIGKILL"), death.after);
    said += chunk;
  });
  const signal = await new Promise((done) => child.on("close", (_, by) => done(by)));
  assert.equal(signal, "SIGKILL", "the writer dies by the kill and by nothing else");
  return said.split("\n").slice(0, -1);
}

async function writeUntilKilled(folder: string, run: number, death: Death) {
  const lines = (await linesUntilKilled("writer.ts", folder, run, death)).map((line) => line.split(" "));
  const last = (what: string) => Number(lines.filter(([kind]) => kind === what).at(-1)?.[1] ?? 0);
  const all = (what: string) => lines.filter(([kind]) => kind === what).map(([, value]) => Number(value));
  return { segments: last("segments"), attested: all("attested") };
}

function check(folder: string, run: number, said: { segments: number; attested: number[] }) {
  const track = trackOf(run);
  const store = openStore(folder);
  try {
    let expected = 1;
    for (const segment of store.segments(track, 1, Number.MAX_SAFE_INTEGER)) {
      const whole = segmentOf(track, expected);
      assert.deepEqual(segment, whole, "each segment is whole and follows the one before it");
      expected += 1;
    }
    const held = expected - 1;
    assert.ok(held >= said.segments, `${said.segments} were acknowledged, ${held} are there`);
    const boundaries = new Set([0]);
    for (let end = 0; end <= held + 4; boundaries.add(end)) end += 1 + ((end + 1) % 4);
    assert.ok(boundaries.has(held), "a batch is there whole or not at all");
    for (const number of said.attested) {
      const { hash } = segmentOf(track, number);
      assert.ok(
        store.attested(number).some((attested) => equal(attested, hash)),
        "attested implies durable",
      );
    }
    for (let sequence = 2; sequence <= held + 1; sequence++) {
      const rows = store.rows.read(track, place(sequence));
      if (rows) assert.ok(equal(rows, rowsOf(sequence)), "rows are whole or absent");
    }
    assert.equal(store.rows.stats().dropped <= 1, true, "at most the last record was torn");
  } finally {
    store.close();
  }
  return said;
}

for (const at of [
  "store.before-fsync",
  "store.after-fsync",
  "store.attested.before-fsync",
  "store.attested.after-fsync",
])
  test(`S7: a kill at ${at} loses nothing that was acknowledged`, async (t) => {
    const folder = temporary(t);
    for (const [run, count] of [1, 2, 17].entries())
      check(folder, run, await writeUntilKilled(folder, run, { at, count }));
  });

test("S7: kills at random moments lose nothing that was acknowledged, in one folder over many lives", async (t) => {
  const folder = temporary(t);
  const next = random(7);
  let acknowledged = 0;
  for (let run = 0; run < 12; run++) {
    const said = await writeUntilKilled(folder, run, { after: next() % 120 });
    check(folder, run, said);
    acknowledged += said.segments;
  }
  assert.ok(acknowledged > 100, `only ${acknowledged} segments were written`);
  const store = openStore(folder);
  assert.equal(store.heads().length, 12, "earlier lives are all still there");
  store.close();
});

/** What a store holds after so many batches that nobody killed. */
function contentsAfter(folder: string, batches: number) {
  const store = openStore(join(folder, String(batches)));
  for (let n = 1; n <= batches; n++) store.write(batchOf(trackOf(1), n));
  const all = { ...contents(store), attested: attestedIn(store, batches) };
  store.close();
  return all;
}

const attestedIn = (store: ReturnType<typeof openStore>, batches: number) =>
  Array.from({ length: batches + 2 }, (_, n) => store.attested(n));

/** Kills a writer of batches in a folder again and again; returns how many batches there are in the end. */
async function killBatches(folder: string, models: string, deaths: readonly Death[]): Promise<number> {
  let held = 0;
  for (const death of deaths) {
    const said = await linesUntilKilled("batch-writer.ts", folder, held + 1, death);
    const acknowledged = Number(said.at(-1) ?? held);
    const store = openStore(folder);
    try {
      const more = store.attested(acknowledged + 1).length;
      held = acknowledged + more;
      const expected = contentsAfter(join(models, String(deaths.indexOf(death))), held);
      assert.deepEqual({ ...contents(store), attested: attestedIn(store, held) }, expected, `${held} whole batches`);
    } finally {
      store.close();
    }
  }
  return held;
}

for (const at of ["record", "store.before-fsync", "store.checkpoint.before-fsync", "store.after-fsync"])
  test(`S7: of records that are written together, a kill at ${at} leaves all or none`, async (t) => {
    const deaths = [1, 2, 5, 9].map((count) => ({ at, count }));
    const held = await killBatches(temporary(t), temporary(t), deaths);
    assert.equal(held, at.endsWith("after-fsync") ? 17 : 13, "what was acknowledged, and with an fsync the last too");
  });

test("S7: of records that are written together, kills at random moments leave all or none", async (t) => {
  const next = random(13);
  const deaths = Array.from({ length: 8 }, () => ({ after: next() % 60 }));
  const held = await killBatches(temporary(t), temporary(t), deaths);
  assert.ok(held > 20, `only ${held} batches were written`);
});
