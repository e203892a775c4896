import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChainEvent, Hex } from "../../../offchain/core/chain.ts";
import { type Case, Disputes, type Judgement } from "../../../offchain/core/dispute.ts";
import { hashOf } from "../../helpers/core.ts";

const idOf = (name: string): Hex => `0x${Buffer.from(hashOf(name)).toString("hex")}`;
const at = { block: 1, logIndex: 0 };

function accused(name: string, turn: string): ChainEvent {
  const zero = new Uint8Array(32);
  const what: Case = {
    ...{ turn: hashOf(turn), position: 4, token: 7, operator: zero.slice(12), contextRoot: zero, model: zero },
    ...{ constants: 1, tensors: 1, requestId: zero, temperature: 0, gate: 0, memoryId: zero },
    ...{ memoryCheckpoint: 0, memoryCheckpointHash: zero, opened: 1, written: 1 },
    ...{ accuser: hashOf(name).slice(12), bond: 1n },
  };
  return { kind: "accused", id: idOf(name), accused: what, deadline: 10, ...at };
}

const judged = (name: string, judgement: Judgement): ChainEvent => ({
  kind: "judged",
  id: idOf(name),
  judgement,
  ...at,
});

test("of a turn the court says that it is accused while anybody does, and void for ever once one of them was right", () => {
  const disputes = new Disputes();
  const says = (turn: string) => disputes.says(hashOf(turn));
  const take = (...events: ChainEvent[]) => {
    for (const event of events) disputes.take(event);
  };
  take(accused("one", "turn"), accused("two", "turn"), accused("three", "other"));
  assert.deepEqual([says("turn"), says("other"), says("nobody's")], ["accused", "accused", "silent"]);
  take(judged("one", "dismissed"), judged("three", "dropped"));
  assert.deepEqual([says("turn"), says("other")], ["accused", "silent"], "a dismissal ends an accusation only");
  take(judged("two", "convicted"), accused("four", "turn"), judged("four", "dismissed"));
  assert.equal(says("turn"), "void");
  disputes.clear();
  assert.equal(says("turn"), "silent", "the chain took it back");
});
