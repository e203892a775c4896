import assert from "node:assert/strict";
import { test } from "node:test";
import { persist } from "../../../offchain/chain/persist.ts";
import type { Rpc } from "../../../offchain/chain/rpc.ts";

const DELAYED = { code: "late", claim: "it is not done yet" };

/** Tries these one after another; a worker stops at the first try that is missing. */
async function tried(...answers: (string | Error | { done: true })[]) {
  const said: [code: string, message: string][] = [];
  const pauses: number[] = [];
  const rpc = { stopped: false, pause: async (ms: number) => void pauses.push(ms) };
  const how = {
    rpc: rpc as unknown as Rpc,
    onFault: ({ code, message }: { code: string; message: string }) => void said.push([code, message]),
    pollMs: 10,
    maxBackoffMs: 40,
  };
  const outcome = await persist(how, DELAYED, async () => {
    const answer = answers.shift();
    if (answer === undefined) rpc.stopped = true;
    if (answer instanceof Error) throw answer;
    return answer ?? "stopped in the middle";
  });
  return { outcome, said, pauses };
}

test("why something is tried again is said when that changes, not at every try", async () => {
  const { outcome, said, pauses } = await tried("no funds", "no funds", new Error("no route"), "no funds", {
    done: true,
  });
  assert.deepEqual(outcome, { done: true });
  assert.deepEqual(said, [
    ["late", "it is not done yet: no funds"],
    ["late", "it is not done yet: Error: no route"],
    ["late", "it is not done yet: no funds"],
  ]);
  assert.equal(pauses.length, 4);
  assert.ok(Math.max(...pauses) <= 40);
});

test("a worker that stops has no outcome, and says nothing of what it did not finish", async () => {
  const { outcome, said } = await tried("no funds");
  assert.equal(outcome, undefined);
  assert.deepEqual(said, [["late", "it is not done yet: no funds"]]);
});
