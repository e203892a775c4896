import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { checkpointLedgerAbi } from "../../offchain/chain/abi.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import type { Proof } from "../../offchain/indexer/content/proofs.ts";
import { until } from "../helpers/e2e/until.ts";
import { type IndexerProcess, startIndexer } from "../helpers/indexer/indexer.ts";
import { findPostgres, type Postgres, startPostgres } from "../helpers/indexer/postgres.ts";
import { type Scenery, turnOf } from "../helpers/indexer/scenery.ts";
import { testCourts } from "./courts.ts";
import { checkReports } from "./reports.ts";
import { SNAPSHOTS, World } from "./world.ts";

/** More than Ponder undoes on a devnet. */
const DEEP_BLOCKS = 70;

const EVERYTHING = `{
  operators(orderBy: "owner") { items { owner signer stake status endpoint joinedPosition } }
  signers(orderBy: "address") { items { address operator sincePosition untilPosition } }
  registryChanges(orderBy: "position", limit: 1000) { items { position positionHash kind operator block } }
  operatorSets(orderBy: "position") { items { position epoch setHash signers stakes totalStake } }
  checkpoints(orderBy: "number", limit: 1000) { items { number hash parent cutRoot segmentsRoot finalAt signedStake } }
  turns(orderBy: "turn", limit: 1000) { items { turn requestId operator number segmentIndex snapshotIndex length } }
}`;
const everything = (indexer: IndexerProcess) => indexer.graphql<Record<string, { items: unknown[] }>>(EVERYTHING);

/** Everything that must hold of an indexer that is empty at first, on one kind of database. */
export function indexerOn(name: "PGlite" | "PostgreSQL"): void {
  const programs = name === "PostgreSQL" ? findPostgres() : undefined;
  const skip = name === "PostgreSQL" && !programs ? "PostgreSQL is not installed" : false;
  describe(`the indexer on ${name}`, { skip }, () => {
    const world = new World();
    const home = world.folder();
    let scenery: Scenery;
    let postgres: Postgres | undefined;
    let indexer: IndexerProcess;

    before(async () => {
      await world.open();
      scenery = world.scenery;
      if (programs) postgres = await startPostgres(programs);
      indexer = await world.start({ folder: home, databaseUrl: postgres?.url });
    });
    after(async () => {
      await world.stop();
      await postgres?.stop();
      await world.close();
    });

    test("history: operators, sets, checkpoints, and what they contain, page by page", async () => {
      await world.caughtUp(indexer);
      const { operators, operatorSets } = await everything(indexer);
      assert.equal(operators.items.length >= 4, true);
      assert.equal((operatorSets.items[0] as { epoch: number }).epoch, 1);
      const numbers: number[] = [];
      for (let cursor = ""; ; ) {
        const after = cursor && `, after: "${cursor}"`;
        const { checkpoints } = await indexer.graphql<{
          checkpoints: { items: { number: number }[]; pageInfo: { endCursor: string; hasNextPage: boolean } };
        }>(
          `{ checkpoints(orderBy: "number", limit: 2${after}) { items { number } pageInfo { endCursor hasNextPage } } }`,
        );
        numbers.push(...checkpoints.items.map(({ number }) => number));
        cursor = checkpoints.pageInfo.endCursor;
        if (!checkpoints.pageInfo.hasNextPage) break;
      }
      assert.deepEqual(
        numbers,
        scenery.contents.map(({ number }) => number),
      );
    });

    test("every snapshot proves on chain, and lies of workers were refused", async (t) => {
      t.diagnostic(`${await world.proveAll(indexer, scenery.contents)} snapshots`);
      const { body } = await indexer.get("/metrics");
      for (const { url } of world.liars)
        assert.match(
          body as string,
          new RegExp(
            `weft_indexer_worker_troubles_total\\{worker="${url}",code="(content_refused|malformed)"\\} [1-9]`,
          ),
        );
      assert.doesNotMatch(body as string, new RegExp(`troubles_total\\{worker="${world.honest.url}"`));
    });

    test("a token by its turn, and by its request, as workers give it", async () => {
      const [segment] = scenery.contents[1].segments;
      const turn = turnOf(segment);
      const { body } = await indexer.get(`/proofs/${turn}/4`);
      const proof = body as Proof;
      assert.deepEqual(
        [proof.number, proof.turn, proof.position, proof.token, proof.snapshotIndex],
        [1, turn, 4, 203, 2],
      );
      assert.equal(proof.signature, toHex(segment.signature));
      const byRequest = await indexer.get(`/answers/${proof.requestId}?position=4`);
      assert.deepEqual(byRequest.body, proof);
      const first = (await indexer.get(`/answers/${proof.requestId}`)).body as Proof;
      assert.deepEqual([first.position, first.token], [3, 103], "the answer's first token");
    });

    test("reports about committed turns, by operators who signed them; those that nobody signed are refused", async () => {
      await checkReports(world, indexer);
    });

    test("refusals say what is wrong, in the form of workers'", async () => {
      const turn = turnOf(scenery.contents[1].segments[0]);
      const cases: [path: string, status: number, code: string, param: string | null][] = [
        ["/proofs/1/0/99", 404, "not_found", "snapshot"],
        ["/proofs/1/99/0", 404, "not_found", "segment"],
        ["/proofs/9999/0/0", 404, "not_found", "checkpoint"],
        ["/proofs/1/x/0", 400, "malformed", "segment"],
        [`/proofs/${turn}/999`, 404, "not_found", "position"],
        [`/proofs/0x${"00".repeat(32)}/1`, 404, "not_found", "turn"],
        ["/proofs/0x12/1", 400, "malformed", "turn"],
        [`/answers/0x${"00".repeat(32)}`, 404, "not_found", "requestId"],
        ["/nothing", 404, "not_found", null],
      ];
      for (const [path, status, code, param] of cases) {
        const answer = await indexer.get(path);
        const { error } = answer.body as { error: { code: string; param: string | null } };
        assert.deepEqual([answer.status, error.code, error.param], [status, code, param], path);
      }
    });

    test("killed in the middle of collecting, it goes on where it was; blocks that are taken back leave no trace", async () => {
      const goBack = await scenery.mark();
      const gone = await scenery.commit(3, SNAPSHOTS);
      await scenery.join();
      const goneTurn = turnOf(gone.segments[0]);
      await world.caughtUp(indexer);
      await world.atHead(indexer);
      assert.equal((await indexer.get(`/proofs/${goneTurn}/3`)).status, 200);
      const pending = (await everything(indexer)).operators.items.length;

      // The chain changes its mind while it runs.
      await goBack();
      await scenery.commit(2, SNAPSHOTS);
      const latest = await scenery.commit(5, SNAPSHOTS);
      await world.caughtUp(indexer);
      assert.equal((await indexer.get(`/proofs/${goneTurn}/3`)).status, 404, "what was taken back proves nothing");
      assert.equal((await everything(indexer)).operators.items.length, pending - 1, "nobody joined");
      await world.proveAll(indexer, [latest]);

      // And again while it is dead, after it was killed at work.
      const again = await scenery.mark();
      for (let i = 0; i < 10; i++) await scenery.commit(4, SNAPSHOTS);
      await indexer.kill();
      await again();
      for (let i = 0; i < 3; i++) await scenery.commit(4, SNAPSHOTS);
      indexer = await world.start({ folder: home, databaseUrl: postgres?.url });
      await world.caughtUp(indexer);
      await world.proveAll(indexer, scenery.contents.slice(-3));
    });

    test("pauses and falls: checkpoints stand as the ledger says, also when that is taken back", async () => {
      const ledger = { address: scenery.deployment.contracts.checkpointLedger, abi: checkpointLedgerAbi } as const;
      const agree = async (what: string) => {
        await world.atHead(indexer);
        for (const { number } of scenery.contents.slice(-3)) {
          const said = await scenery.client.readContract({
            ...ledger,
            functionName: "checkpoint",
            args: [BigInt(number)],
          });
          const { body } = await indexer.get(`/checkpoints/${number}`);
          const { status, finalAt } = body as { status: string; finalAt: number };
          assert.equal(finalAt, Number(said.finalAt), `${what}: finality of ${number}`);
          assert.equal(status === "fallen", said.fallen, `${what}: ${number}`);
        }
        const [attested] = await scenery.client.readContract({ ...ledger, functionName: "latestAttested" });
        const { body } = await indexer.get("/checkpoints/attested");
        assert.equal((body as { number: number }).number, Number(attested), `${what}: the latest`);
      };
      await scenery.commit(1, SNAPSHOTS);
      const fallen = await scenery.commit(2, SNAPSHOTS);
      const turn = turnOf(fallen.segments[0]);
      await world.caughtUp(indexer);
      await agree("committed");
      const goBack = await scenery.mark();
      await scenery.guard("pause", [8n]);
      await agree("paused");
      await scenery.guard("resume", []);
      await agree("resumed");
      await scenery.guard("invalidate", [ledger.address, BigInt(fallen.number), toHex(fallen.hash)]);
      await agree("fallen");
      assert.equal((await indexer.get(`/proofs/${turn}/3`)).status, 404, "what fell proves nothing");
      await goBack();
      await scenery.mine(20);
      await agree("taken back");
      assert.equal((await indexer.get(`/proofs/${turn}/3`)).status, 200);
      await scenery.pass(scenery.deployment.parameters.challengeWindowSeconds);
      await until("it is final", async () => {
        const { body } = await indexer.get("/checkpoints/final");
        return (body as { number: number }).number === fallen.number;
      });
    });

    test("a successor, and a registry that is left: which and when, until that is taken back", async () => {
      const query = "{ successors { items { ledger notBefore } } retirements { items { ledger at } } }";
      type Said = { successors: { items: object[] }; retirements: { items: object[] } };
      const goBack = await scenery.mark();
      const { ledger, notBefore, at } = await scenery.retire();
      await world.atHead(indexer);
      assert.deepEqual(await indexer.graphql<Said>(query), {
        successors: { items: [{ ledger, notBefore: String(notBefore) }] },
        retirements: {
          items: [{ ledger: scenery.deployment.contracts.checkpointLedger.toLowerCase(), at: String(at) }],
        },
      });
      await goBack();
      await scenery.mine(20);
      await world.atHead(indexer);
      assert.deepEqual(await indexer.graphql<Said>(query), { successors: { items: [] }, retirements: { items: [] } });
    });

    testCourts(world, () => indexer);

    test("a deep reorganisation: everything is indexed anew", async (t) => {
      const goBack = await scenery.mark();
      await scenery.commit(2, SNAPSHOTS);
      await scenery.mine(DEEP_BLOCKS);
      await world.atHead(indexer);
      await goBack();
      await scenery.mine(DEEP_BLOCKS + 3);
      await scenery.commit(3, SNAPSHOTS);
      const began = performance.now();
      await world.caughtUp(indexer);
      t.diagnostic(`caught up ${Math.round(performance.now() - began)} ms after`);
      await world.proveAll(indexer, scenery.contents.slice(-1));
      assert.match(readFileSync(indexer.child.logFile, "utf8"), /Ponder ended \(reorganised\)/);
    });

    test("who comes later and reads everything at once finds the same", async () => {
      const other = await world.start({ folder: world.folder() });
      await world.caughtUp(other);
      assert.deepEqual(await everything(other), await everything(indexer));
      await other.child.stop();
    });

    test("a second one on the same tables is refused", async () => {
      const second = await startIndexer(scenery, { folder: home, databaseUrl: postgres?.url });
      const { code } = await second.child.exit;
      assert.equal(code, 1);
      assert.match(readFileSync(second.child.logFile, "utf8"), /indexer_running/);
    });
  });
}
