import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Admission, type AdmissionOptions } from "../../../offchain/core/admission.ts";
import { foundingEvents, numbered, operatorAt, replicaOf, setOf, signerOf } from "../../helpers/core.ts";

const members = [0, 1, 2, 3].map(operatorAt);
const [self, b, c] = members as [(typeof members)[0], (typeof members)[0], (typeof members)[0]];

function admission(changes: Partial<AdmissionOptions> = {}) {
  return new Admission({
    replica: replicaOf(self, foundingEvents(members)),
    signer: self.signer.address,
    concurrentTurns: 4,
    turnsPerGateway: 2,
    minimumFreeBytes: 1000,
    freeBytes: () => 1000,
    ...changes,
  });
}

describe("admission", () => {
  test("a worker writes so many turns at once; beyond that it is busy, until one ends", () => {
    const turns = admission();
    const leave = [b, b, c, c].map(({ operator }) => turns.enter(operator));
    assert.equal(turns.load, 4);
    assert.throws(() => turns.enter(self.operator), { code: "busy" });
    leave[0]!();
    assert.equal(turns.load, 3);
    turns.enter(b.operator);
    assert.throws(() => turns.enter(b.operator), { code: "busy" });
  });

  test("another worker's gateway has a share of the turns, the worker's own may have all", () => {
    const turns = admission();
    const leave = [b, b].map(({ operator }) => turns.enter(operator));
    assert.throws(() => turns.enter(b.operator), { code: "busy" }, "there is room, but not for this gateway");
    assert.equal(turns.load, 2, "who was refused takes no place");
    turns.enter(c.operator);
    leave[1]!();
    turns.enter(b.operator);
    const alone = admission();
    for (let i = 0; i < 4; i++) alone.enter(self.operator);
    assert.equal(alone.load, 4);
  });

  test("a worker that the registry does not know with its key takes no turns", () => {
    const before = admission({ replica: replicaOf(self, []) });
    assert.throws(() => before.enter(b.operator), { code: "not_registered" });
    assert.throws(() => admission({ signer: signerOf("another").address }).enter(b.operator), {
      code: "not_registered",
    });
    const replica = replicaOf(self, foundingEvents(members));
    const turns = admission({ replica });
    turns.enter(b.operator);
    const set = setOf(members.slice(1));
    const [conviction] = numbered([{ kind: "convicted", operator: self.operator, set }], replica.registry);
    replica.step({ type: "registry", event: conviction! });
    assert.throws(() => turns.enter(b.operator), { code: "not_registered" });
    assert.equal(turns.load, 1, "what was begun goes on");
  });

  test("below its limit of free disk a worker refuses new turns, and takes them again above it", () => {
    let free = 1000;
    const turns = admission({ freeBytes: () => free });
    turns.enter(b.operator);
    free = 999;
    assert.throws(() => turns.enter(b.operator), { code: "disk_full" });
    assert.equal(turns.load, 1);
    free = 1000;
    turns.enter(b.operator);
  });
});
