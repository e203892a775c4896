import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeAbiParameters, encodeFunctionData, keccak256 } from "viem";
import { availabilityCourtAbi as abi } from "../../../offchain/chain/abi.ts";
import { Challenger } from "../../../offchain/chain/challenger.ts";
import { headerStruct } from "../../../offchain/chain/convert.ts";
import type { Rpc } from "../../../offchain/chain/rpc.ts";
import type { Sender } from "../../../offchain/chain/sender.ts";
import { stated } from "../../../offchain/core/accused-cut.ts";
import { ASKED_KINDS, type Asked } from "../../../offchain/core/availability.ts";
import { type Bytes, concat, fromHex, toHex } from "../../../offchain/core/bytes.ts";
import type { Hex } from "../../../offchain/core/chain.ts";
import type { Shown } from "../../../offchain/core/events.ts";
import { traceEntry } from "../../../offchain/core/fold-proof.ts";
import { type Header, headerHash, snapshotTree } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  foundingEvents,
  hashOf,
  operatorAt,
  SEPARATOR,
  type Sealed,
  TrackWriter,
  writeSegments,
} from "../../helpers/core.ts";
import { entryOf, extend, Made } from "../../helpers/made.ts";

/** What is read from the transactions that answered: whoever attested may have sent them through any contract, with anything beside. */

const COURT: Hex = `0x${"c0".repeat(20)}`;
const members = [0, 1, 2, 3].map(operatorAt);
const registry = { registryPosition: 4, registryHash: foundingEvents(members).at(-1)!.hash };
const genesis = new Made(SEPARATOR, undefined, { entries: [], segments: [] }, { ...registry, registryPosition: 0 });
const [sealed] = writeSegments(new TrackWriter(members[1]!), 1) as [Sealed];
const known = new Made(SEPARATOR, genesis, extend(genesis, [[sealed]]), registry);

const hexes = (proof: readonly Bytes[]) => proof.map((one) => toHex(one));
const idOf = ({ hash }: Made, { kind, path }: Asked) => {
  const types = [{ type: "bytes32" }, { type: "uint8" }, { type: "uint256[]" }] as const;
  return keccak256(encodeAbiParameters(types, [toHex(hash), ASKED_KINDS.indexOf(kind), path.map(BigInt)]));
};
const placeIn = (made: Made) => ({ number: 1, hash: made.hash, checkpoint: made.checkpoint, index: 0 });

/** An answer to a challenge, and the transaction that it came in. */
type Answered = { id: Hex; input: Hex };

/** A worker that knows what was answered, on a node that has the transactions. */
function reader(...answers: Answered[]) {
  const request = async (method: string, [first]: [{ topics: Hex[] } | Hex]) =>
    method === "eth_getLogs"
      ? [{ transactionHash: answers.findIndex(({ id }) => (first as { topics: Hex[] }).topics.includes(id)) }]
      : { input: answers[Number(first)]?.input };
  const challenger = new Challenger({
    rpc: { request, stopped: false, pause: async () => assert.fail("it is not tried again") } as unknown as Rpc,
    ...{ crypto, separator: SEPARATOR, sender: {} as Sender, court: COURT, token: COURT, mostBonds: 0n },
    ...{ onFault: assert.fail, pollMs: 1, maxBackoffMs: 1, atOnce: 1 },
  });
  const events = answers.map(({ id }) => ({ kind: "answered", id, block: 1, logIndex: 0 }) as const);
  challenger.take({ type: "events", events, time: 1 } as unknown as Parameters<Challenger["take"]>[0]);
  return challenger;
}

const trace = { kind: "trace", path: [0] } as const;
const { memoryRoot, proof } = traceEntry(crypto, known.trace, 0);
const traceCall = (root: Bytes, siblings: readonly Bytes[]) =>
  encodeFunctionData({ abi, functionName: "answerTrace", args: [idOf(known, trace), toHex(root), hexes(siblings)] });

describe("what stands in a transaction that answers", () => {
  const truth: Shown = { type: "trace", entry: { memoryRoot, proof } };
  const [right, bare] = [traceCall(memoryRoot, proof), traceCall(memoryRoot, [])];
  const wrong = traceCall(hashOf("another"), proof);
  const id = idOf(known, trace);
  const pass = (...parts: Hex[]): Hex => toHex(concat(...parts.map((part) => fromHex(part))));
  const inputs: [string, Hex][] = [
    ["by itself", right],
    ["passed on by another contract", pass("0x1234567890", right, "0x00")],
    ["after others that the court never saw", pass(bare, wrong, id, `0x12345678${id.slice(2)}`, right)],
    ["before others", pass(right, bare, wrong)],
  ];
  for (const [what, input] of inputs)
    test(`the answer is found: ${what}`, async () => {
      assert.deepEqual(await reader({ id, input }).ask("trace", placeIn(known)), truth);
    });

  test("where it does not stand there, nothing was shown, and the next thing is asked for", async () => {
    const entry = { kind: "entry", path: [0] } as const;
    const of = entryOf(known.entries[0]!);
    const args = [idOf(known, entry), of, known.cutProof(0)] as const;
    for (const input of [bare, wrong, "0x", "0x1234", id] as const) {
      const challenger = reader(
        { id, input },
        { id: args[0], input: encodeFunctionData({ abi, functionName: "answerEntry", args }) },
      );
      assert.equal(await challenger.ask("trace", placeIn(known)), undefined);
      assert.equal((await challenger.ask("entry", placeIn(known)))?.type, "entry");
    }
  });

  test("what throws on the way does not stop the next", async () => {
    const challenger = reader({ id, input: right });
    await assert.rejects(challenger.ask("trace", { ...placeIn(known), index: -1 }));
    assert.deepEqual(await challenger.ask("trace", placeIn(known)), truth);
  });
});

describe("a segment that is asked for", () => {
  const kind = "segment";
  /** One with another header, and how that was answered. */
  function shown(change: Partial<Header>) {
    const header = { ...sealed.header, ...change };
    const segment = { ...sealed, header, hash: headerHash(crypto, SEPARATOR, header) };
    const made = new Made(SEPARATOR, genesis, extend(genesis, [[segment]]), registry);
    const id = idOf(made, { kind, path: [0] });
    const args = [id, headerStruct(header), toHex(sealed.signature), hexes(made.segmentProof(0))] as const;
    const snapshots = sealed.snapshots.map(({ salt, body }, i) => {
      const id = idOf(made, { kind: "snapshot", path: [0, i] });
      const siblings = hexes(snapshotTree(crypto, sealed.snapshots).proof(i));
      const decoy = encodeFunctionData({ abi, functionName: "answerSnapshot", args: [id, toHex(salt), "0x", []] });
      const args = [id, toHex(salt), toHex(body), siblings] as const;
      const call = encodeFunctionData({ abi, functionName: "answerSnapshot", args });
      return { id, input: `${decoy}${call.slice(2)}` as Hex };
    });
    const first = { id, input: encodeFunctionData({ abi, functionName: "answerSegment", args }) };
    return { made, header, shown: reader(first, ...snapshots).ask(kind, placeIn(made)) };
  }

  test("is put together of what the roots say", async () => {
    const { header, signature, snapshots } = sealed;
    assert.deepEqual(await shown({}).shown, { type: "segment", segment: { header, signature, snapshots } });
  });

  const zero = new Uint8Array(32);
  const odd: [string, Partial<Header>][] = [
    ["no snapshots", { snapshotCount: 0 }],
    ["more than fit", { snapshotCount: 257 }],
    ["sequence 0", { sequence: 0 }],
    ["nothing before it", { previous: zero }],
    ["a root of nothing", { snapshotsRoot: zero }],
  ];
  for (const [what, change] of odd)
    test(`with a header that no segment can have is shown as that: ${what}`, async () => {
      const one = shown(change);
      const proof = one.made.segmentProof(0);
      assert.deepEqual(await one.shown, { type: "header", header: stated(one.header), proof });
    });
});
