import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WeftError } from "../../../offchain/core/errors.ts";
import { fakePorts, id32, type Served, serve } from "./fixture.ts";

let api: Served;
const asked: [part: string, number: number, from: number][] = [];
before(async () => {
  api = await serve(
    fakePorts({
      checkpointPage(part, number, from) {
        asked.push([part, number, from]);
        if (number === 9) throw new WeftError("not_found", "no such checkpoint is committed", { field: "number" });
        return { number, hash: id32(1), from, items: ["0x01", "0x02"], next: from + 2 };
      },
    }),
  );
});
after(() => api.close());

const get = async (path: string) => {
  const response = await fetch(`${api.url}/v1/checkpoints/${path}`);
  return {
    status: response.status,
    body: (await response.json()) as Record<string, unknown>,
    headers: response.headers,
  };
};

test("each part of a checkpoint is a page, from the beginning or from where it is asked for, for any origin", async () => {
  for (const part of ["cut", "headers", "segments"]) {
    const { status, body, headers } = await get(`7/${part}?from=40`);
    assert.deepEqual([status, body], [200, { number: 7, hash: id32(1), from: 40, items: ["0x01", "0x02"], next: 42 }]);
    assert.equal(headers.get("access-control-allow-origin"), "*");
    assert.deepEqual(asked.pop(), [part, 7, 40]);
  }
  await get("0/cut");
  assert.deepEqual(asked.pop(), ["cut", 0, 0]);
});

test("what is not a number or not a part is refused by its name, and what is not there is not found", async () => {
  const refused: [path: string, status: number, code: string, param: string][] = [
    ["x/cut", 400, "malformed", "number"],
    ["-1/cut", 400, "malformed", "number"],
    ["1e3/cut", 400, "malformed", "number"],
    ["9999999999999999/cut", 400, "malformed", "number"],
    ["7/rows", 400, "malformed", "part"],
    ["7/cut?from=-1", 400, "malformed", "from"],
    ["7/cut?from=", 400, "malformed", "from"],
    ["7/cut?from=1&from=2", 400, "malformed", "from"],
    ["9/segments", 404, "not_found", "number"],
  ];
  for (const [path, status, code, param] of refused) {
    const said = await get(path);
    const error = said.body["error"] as { code: string; param: string };
    assert.deepEqual([said.status, error.code, error.param], [status, code, param], path);
  }
  assert.deepEqual(
    asked.splice(0).map(([, number]) => number),
    [9],
    "nothing is looked up for a path that is refused",
  );
});
