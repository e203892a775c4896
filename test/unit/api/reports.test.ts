import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ReportPage } from "../../../offchain/api/ports.ts";
import { fakePorts, id20, id32, type Served, serve } from "./fixture.ts";

const page: ReportPage = {
  items: [
    {
      id: 8,
      reporter: id20(1),
      model: id32(2),
      turn: id32(3),
      author: id20(4),
      agrees: false,
      position: 5,
      distance: 6,
      signature: `0x${"07".repeat(65)}`,
    },
  ],
  last: 9,
};
let api: Served;
const asked: number[] = [];
before(async () => {
  api = await serve(
    fakePorts({
      reports(after) {
        asked.push(after);
        return page;
      },
    }),
  );
});
after(() => api.close());

test("reports are a page, from the beginning or after an id; what is none is refused by its name", async () => {
  for (const query of ["", "?after=7"]) {
    const response = await fetch(`${api.url}/v1/reports${query}`);
    assert.deepEqual([response.status, await response.json()], [200, page]);
  }
  for (const query of ["?after=-1", "?after=x", "?after=1&after=2", "?after="]) {
    const response = await fetch(`${api.url}/v1/reports${query}`);
    const { error } = (await response.json()) as { error: { code: string; param: string } };
    assert.deepEqual([response.status, error.code, error.param], [400, "malformed", "after"], query);
  }
  assert.deepEqual(asked, [0, 7]);
});
