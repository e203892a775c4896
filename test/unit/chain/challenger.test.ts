import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { stated } from "../../../offchain/core/accused-cut.ts";
import { type Content, openingOf } from "../../../offchain/core/availability.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { CommittedPlace } from "../../../offchain/core/checkpoints.ts";
import { Cut, segmentsTree } from "../../../offchain/core/cut.ts";
import type { Shown } from "../../../offchain/core/events.ts";
import { type TraceEntry, traceEntry, traceTree } from "../../../offchain/core/fold-proof.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { encodeSegment, type Segment } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { type Sealed, TrackWriter, untaught, writeSegments } from "../../helpers/core.ts";
import { until } from "../../helpers/e2e/until.ts";
import { PATIENT } from "./patient.ts";
import { type Member, type View, World } from "./world.ts";

/** A segment that no peer shows is asked for on the chain, and read from the transactions that answer. */

let world: World;
let members: Member[];
let wanted: CommittedPlace;
let segments: Sealed[];
let content: Content;

before(async () => {
  world = await World.open(4, PATIENT);
  members = world.members;
  const writer = new TrackWriter(members[3], "withheld", world.separator);
  segments = writeSegments(writer, 3);
  const parent = Cut.empty(crypto);
  const advance = { ...writer.track, sequence: 3, head: writer.head };
  const cut = parent.extend(crypto, [advance], () => false);
  const of = untaught((_, sequence) => segments[sequence - 1]!.hash);
  const { root } = segmentsTree(crypto, parent, cut, of);
  const { root: memoryRoot } = Memories.empty(crypto);
  const memoryTraceRoot = traceTree(crypto, [memoryRoot, memoryRoot, memoryRoot]).root;
  const roots = { cutRoot: cut.root, entryCount: 1, segmentsRoot: root, segmentCount: 3, memoryRoot, memoryTraceRoot };
  const checkpoint = await world.commit(await world.found(), roots);
  await world.leave();
  wanted = { number: 1, hash: world.hashOf(checkpoint), checkpoint, index: 0 };
  content = {
    ...{ checkpoint, cut, parent, segments: of, memories: Memories.empty(crypto) },
    segmentAt: (_, sequence) => segments[sequence - 1],
    runAt: () => undefined,
  };
  await world.give(toHex(members[0].signer.address), 9n * BigInt(world.deployment.parameters.challengeBond));
});
after(() => world?.close());

async function started(index: number, options: Parameters<World["view"]>[1]): Promise<View> {
  const view = world.view(members[index].key, options);
  await view.chain.start();
  await until("it follows", () => view.latest.number === 1);
  return view;
}

/** Asks, and waits until it was shown, or was refused. */
async function asked(view: View): Promise<Segment | undefined> {
  let shown: Segment | undefined;
  view.chain.challenge("segment", wanted, (one) => {
    if (one.type === "segment") shown = one.segment;
  });
  await until(
    "it is shown, or refused",
    () => shown !== undefined || view.faults.some(({ code }) => code === "challenge_unpaid"),
  );
  return shown;
}

test("nothing is asked for beyond what the operator wants to pay, or has", async () => {
  const thrifty = await started(0, { challengesPerCheckpoint: 0 });
  assert.equal(await asked(thrifty), undefined);
  const poor = await started(1, { challengesPerCheckpoint: 9 });
  assert.equal(await asked(poor), undefined);
  assert.match(poor.faults.at(-1)?.message ?? "", /account has 0 stake tokens/);
  assert.ok(![...thrifty.story, ...poor.story].includes("challenged"));
});

test("header and snapshots are asked for one after the other, and make the segment that was withheld", async () => {
  await started(2, {
    challenges: { open: async ({ asked }) => openingOf(crypto, content, asked), attested: () => true },
  });
  const asker = await started(0, { challengesPerCheckpoint: 5 });
  const shown = await asked(asker);
  assert.ok(shown);
  assert.deepEqual(encodeSegment(shown), encodeSegment(segments[0]!));
  const places = asker.events.flatMap((event) => (event.kind === "challenged" ? [event.asked] : []));
  assert.deepEqual(places, [
    { kind: "segment", path: [0] },
    { kind: "snapshot", path: [0, 0] },
    { kind: "snapshot", path: [0, 1] },
  ]);

  const restarted = await started(0, { challengesPerCheckpoint: 0, log: asker.log });
  const again = await asked(restarted);
  assert.deepEqual(
    again && encodeSegment(again),
    encodeSegment(segments[0]!),
    "what was answered is read, not paid for",
  );
});

test("a header, and an entry of the cut, are asked for by their place, and shown with their path", async () => {
  const asker = await started(0, { challengesPerCheckpoint: 9 });
  const shown: Shown[] = [];
  for (const kind of ["header", "entry"] as const) {
    asker.chain.challenge(kind, kind === "header" ? { ...wanted, index: 2 } : wanted, (one) => shown.push(one));
    await until("it is shown", () => shown.length === (kind === "header" ? 1 : 2));
  }
  const { cut, parent } = content;
  const [entry] = cut!.entries;
  const headers = segmentsTree(crypto, parent!, cut!, content.segments);
  assert.deepEqual(shown, [
    { type: "header", header: stated(segments[2]!.header), proof: headers.proof(2) },
    { type: "entry", entry: stated(entry!), proof: cut!.proof(0) },
  ]);
});

test("an entry of a memory trace is asked for by its place", async () => {
  const asker = await started(0, { challengesPerCheckpoint: 9 });
  let shown: TraceEntry | undefined;
  asker.chain.challenge("trace", { ...wanted, index: 1 }, (one) => {
    if (one.type === "trace") shown = one.entry;
  });
  await until("it is shown", () => shown !== undefined);
  const { memoryRoot } = wanted.checkpoint;
  assert.deepEqual(shown, traceEntry(crypto, [memoryRoot, memoryRoot, memoryRoot], 1));
});

test("what was paid for a checkpoint counts for a process that begins again, also with nothing on its disk", async () => {
  const bond = BigInt(world.deployment.parameters.challengeBond);
  const before = await world.tokensOf(toHex(members[0].signer.address));
  const paid = (9n * bond - before) / bond;
  const again = await started(0, { challengesPerCheckpoint: Number(paid) });
  again.chain.challenge("trace", { ...wanted, index: 2 }, () => assert.fail("nobody is asked"));
  await until("it is refused", () => again.faults.some(({ code }) => code === "challenge_unpaid"));
  assert.match(again.faults.at(-1)?.message ?? "", new RegExp(`${paid * bond} was paid for its checkpoint`));
  assert.equal(await world.tokensOf(toHex(members[0].signer.address)), before);
});

test("a fault in whoever it is shown to is said, and ends nothing", async () => {
  const asker = await started(0, { challengesPerCheckpoint: 5 });
  asker.chain.challenge("entry", wanted, () => {
    throw new Error("no room for it");
  });
  await until("it is said", () => asker.faults.some(({ message }) => message === "no room for it"));
});
