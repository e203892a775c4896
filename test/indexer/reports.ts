import assert from "node:assert/strict";
import { reportJson } from "../../offchain/api/reports.ts";
import { fromHex, toHex } from "../../offchain/core/bytes.ts";
import { until } from "../helpers/e2e/until.ts";
import type { IndexerProcess } from "../helpers/indexer/indexer.ts";
import { turnOf } from "../helpers/indexer/scenery.ts";
import type { World } from "./world.ts";

/** What workers say of one another's turns is had from any of them, and believed of who signed it only. */
export async function checkReports({ scenery, honest, liars }: World, indexer: IndexerProcess): Promise<void> {
  const [one, other] = scenery.contents[1].segments;
  const about = (segment: typeof one, turn = turnOf(segment)) => {
    const author = segment.header.operator;
    return { turn: fromHex(turn, 32), author, agrees: true, position: 0, distance: 0 };
  };
  const agrees = scenery.reportBy(1, about(one));
  const differs = scenery.reportBy(2, { ...about(one), agrees: false, position: 4, distance: 2 ** 32 - 1 });
  // A page has three. Once said, it is not taken back; a turn that is not committed, or not of that author, is not shown.
  const unknown = scenery.reportBy(1, about(one, `0x${"77".repeat(32)}`));
  const stranger = scenery.reportBy(1, { ...about(other), author: fromHex(`0x${"88".repeat(20)}`, 20) });
  honest.reports.push(
    agrees,
    scenery.reportBy(1, { ...about(one), agrees: false, position: 3 }),
    unknown,
    stranger,
    differs,
  );
  // Of somebody else's signature, and of none.
  const [liar] = liars;
  liar.reports.push({ ...scenery.reportBy(0, about(one)), signature: agrees.signature });
  liar.reports.push({ ...scenery.reportBy(3, about(other)), signature: new Uint8Array(65) });

  const expected = [agrees, differs].map(reportJson).sort((a, b) => (a.reporter < b.reporter ? -1 : 1));
  const said = async (turn: string) => (await indexer.get(`/reports/${turn}`)).body as { items: object[] };
  const asked = liar.askedForReports;
  await until("lies were read", async () => liar.askedForReports > asked + 1);
  await until("both are there", async () => (await said(turnOf(one))).items.length === 2);
  assert.deepEqual((await said(turnOf(one))).items, expected);
  assert.deepEqual((await said(turnOf(other))).items, []);
  assert.deepEqual((await said(toHex(unknown.report.turn))).items, []);
  const query = `{ reports(where: { turn: "${turnOf(one)}" }, orderBy: "reporter") {
    items { reporter model turn author agrees position distance signature } } }`;
  const { reports } = await indexer.graphql<{ reports: { items: object[] } }>(query);
  assert.deepEqual(
    reports.items,
    expected.map(({ position, distance, ...rest }) => ({ ...rest, position: `${position}`, distance: `${distance}` })),
  );
  assert.equal((await indexer.get("/reports/0x12")).status, 400);
}
