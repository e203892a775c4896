import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../offchain/core/bytes.ts";
import { type ChainEvent, encodeChainEvent } from "../../offchain/core/chain.ts";
import { checkpointHash } from "../../offchain/core/checkpoint.ts";
import type { ChainUpdate, CommitResult } from "../../offchain/core/events.ts";
import { Registry } from "../../offchain/core/registry.ts";
import { headerHash, trackId } from "../../offchain/core/segment.ts";
import { type Block, SimChain } from "./chain.ts";
import { Clerk } from "./clerk.ts";
import { type Call, type ContractState, deploymentOf, moneyFault } from "./contract-state.ts";
import { SimDisk } from "./disk.ts";
import { SimFollower } from "./follower.ts";
import { Process } from "./process.ts";
import { Random } from "./random.ts";
import { RandomCalls } from "./random-calls.ts";
import { consentDigest } from "./registry-contract.ts";
import { Scheduler } from "./scheduler.ts";
import { simulatedKeyring } from "./simcrypto.ts";

const address = (byte: number) => new Uint8Array(20).fill(byte);
const OWNERS = Array.from({ length: 12 }, (_, i) => address(0x40 + i));
const PARAMETERS = {
  minStake: 1000n,
  bounty: 10n,
  minOperators: 4,
  maxOperators: 8,
  maxChangesPerEpoch: 2,
  epochSeconds: 10,
  unbondingSeconds: 40,
  challengeWindowSeconds: 20,
};

function worldOf(seed: number | string, onBlock?: (block: Block) => void) {
  const random = new Random(`chain ${seed}`);
  const scheduler = new Scheduler();
  const keyring = simulatedKeyring(String(seed));
  const { crypto } = keyring;
  const at = { chainId: 1, registry: address(0x11), ledger: address(0x22) };
  const deployment = deploymentOf(crypto, at, PARAMETERS);
  const funds = OWNERS.map((owner) => [owner, 2000n] as const);
  const made = { scheduler, random: random.fork("chain"), deployment, funds };
  const chain = new SimChain({ ...made, blockMs: 1000, mempoolMs: 500, startTime: 1_700_000_000, onBlock });
  const founders = OWNERS.slice(0, 4).map((owner, i) => ({ owner, signer: keyring.signer(`founder ${i}`) }));
  chain.start([
    ...founders.map(({ owner, signer }) => {
      const consent = signer.sign(consentDigest(deployment, owner, signer.address));
      const call: Call = { type: "join", signer: signer.address, endpoint: "e:1", stake: 1000n, consent };
      return { from: owner, call };
    }),
    { from: OWNERS[0], call: { type: "activate", set: [] } },
  ]);
  const clerkOf = (node: number, misreport = 0) => {
    const process = new Process(scheduler, () => {});
    const account = founders[node].owner;
    const clerk = new Clerk({
      chain,
      node,
      process,
      random: random.fork(`clerk ${node}`),
      account,
      pollMs: 500,
      patienceMs: 8000,
      misreport: () => misreport,
    });
    clerk.start();
    return clerk;
  };
  /** What the founders would attest to next. */
  const proposal = () => {
    const { state } = chain.head;
    const head = state.checkpoints.at(-1) as ContractState["checkpoints"][0];
    const { hash, checkpoint } = head;
    const registryPosition = state.positions.length - 1;
    const next = { ...checkpoint, number: checkpoint.number + 1, parent: hash, registryPosition };
    next.registryHash = state.positions[registryPosition];
    const signed = checkpointHash(crypto, deployment.separator, next);
    const keys = founders.map(({ signer }) => signer);
    const signatures = state.set.flatMap(({ signer }) => {
      const key = keys.find(({ address }) => toHex(address) === toHex(signer));
      return key ? [key.sign(signed)] : [];
    });
    return { checkpoint: next, set: state.set, signatures };
  };
  const evidence = (index: number) => {
    const { owner: operator, signer } = founders[index];
    const track = { operator, incarnation: random.bytes(16) };
    const one = (label: string) => {
      const header = {
        ...track,
        sequence: 1,
        previous: trackId(crypto, track),
        snapshotsRoot: crypto.sha256(new TextEncoder().encode(label)),
        snapshotCount: 1,
      };
      return { header, signature: signer.sign(headerHash(crypto, deployment.separator, header)) };
    };
    return { a: one("a"), b: one("b") };
  };
  return { random, scheduler, keyring, deployment, chain, clerkOf, proposal, evidence, founders };
}

/** A node's view of the chain, as updates have told it. */
class Reader {
  events: ChainEvent[] = [];
  reorgs = 0;

  take({ type, events }: ChainUpdate): void {
    if (type === "reorg") this.reorgs += 1;
    this.events = type === "reorg" ? [...events] : [...this.events, ...events];
    let registry: Registry | undefined;
    for (const event of this.events)
      if (event.kind === "registry") registry = (registry ?? Registry.genesis(new Uint8Array(32))).apply(event.event);
  }
}

function canonical(chain: SimChain): ChainEvent[] {
  const blocks: Block[] = [];
  for (let block: Block | undefined = chain.head; block; block = block.parent) blocks.unshift(block);
  return blocks.flatMap(({ events }) => events);
}

const text = (events: readonly ChainEvent[]) => events.map(encodeChainEvent);

test("S11 S12 through forks, silence, lag and crashes every follower ends with the canonical events, and no money is lost", () => {
  let [reorgs, rereads, crashes] = [0, 0, 0];
  for (let seed = 0; seed < 8; seed++) {
    const { random, scheduler, keyring, deployment, chain, founders } = worldOf(seed, ({ state }) =>
      assert.equal(moneyFault(state), undefined),
    );
    const calls = new RandomCalls(random.fork("calls"), deployment, OWNERS, keyring.signer);
    for (const { signer } of founders) calls.know(signer);
    scheduler.every(300, () => {
      const { from, call } = calls.next(chain.head.state);
      chain.submit(from, call);
      calls.learn(chain.head.state);
    });
    scheduler.every(7000, () =>
      chain.fork(
        random.int(1, 6),
        random.int(0, 5000),
        [0, 1, 2].filter(() => random.chance(0.5)),
        random.chance(0.7),
      ),
    );
    scheduler.after(40_000, () => scheduler.after(9000, chain.stop()));
    let faulty = true;
    const readers = [0, 1, 2].map((node) => {
      const disk = new SimDisk(random.fork(`disk ${node}`));
      const life = { reader: new Reader() };
      const begin = () => {
        const process = new Process(scheduler, () => {});
        life.reader = new Reader();
        life.reader.take({ type: "events", ...disk.chain() });
        const faults = () => (faulty ? { silent: 0.2, behind: 0.3 } : { silent: 0, behind: 0 });
        const follower = new SimFollower({
          chain,
          node,
          process,
          random: random.fork(`follower ${node} ${scheduler.now}`),
          log: disk.chainLog,
          pollMs: 700,
          faults,
          onUpdate: (update) => life.reader.take(update),
        });
        follower.start();
        scheduler.after(random.int(5000, 30_000), () => {
          if (!faulty) return;
          process.kill();
          disk.crashed();
          crashes += 1;
          begin();
        });
        scheduler.after(random.int(1000, 9000), () => disk.sync());
      };
      begin();
      return life;
    });
    scheduler.run(100_000);
    chain.heal();
    faulty = false;
    // The last fork began at 105 s and took up to 5 s; the next one is due at 112 s.
    scheduler.run(111_900);
    for (const { reader } of readers) {
      assert.deepEqual(text(reader.events), text(canonical(chain)).slice(0, reader.events.length));
      assert.ok(canonical(chain).length - reader.events.length < 20, "a follower stands still");
      rereads += reader.reorgs;
    }
    reorgs += chain.reorgs.filter((depth) => depth > 0).length;
    assert.ok(chain.head.state.checkpoints.length > 1);
  }
  assert.ok(reorgs > 20 && rereads > 5 && crashes > 20, `${reorgs} ${rereads} ${crashes}`);
});

test("the same seed gives the same blocks", () => {
  const run = () => {
    const { scheduler, chain, random } = worldOf("same");
    scheduler.every(5000, () => chain.fork(random.int(1, 3), 1000, [], random.chance(0.5)));
    scheduler.run(30_000);
    return chain.head.hash;
  };
  assert.equal(run(), run());
});

test("a commit is told when it is mined; the second of two is lost; a misreported one may be mined", () => {
  const { scheduler, chain, clerkOf, proposal } = worldOf("commit");
  const told: [string, CommitResult["type"], number][] = [];
  const note =
    (who: string) =>
    ({ type }: CommitResult) =>
      told.push([who, type, chain.head.state.checkpoints.length]);
  const [one, other] = [clerkOf(0), clerkOf(1)];
  one.commit(proposal(), note("one"));
  other.commit(proposal(), note("other"));
  scheduler.run(6000);
  assert.deepEqual(
    told
      .splice(0)
      .map(([, type]) => type)
      .sort(),
    ["committed", "lost"],
  );
  assert.equal(chain.head.state.checkpoints.length, 2);
  clerkOf(2, 1).commit(proposal(), note("misreported"));
  scheduler.run(12_000);
  assert.deepEqual(
    told.splice(0).map(([, type]) => type),
    ["failed"],
  );
  assert.equal(chain.head.state.checkpoints.length, 3);
  one.commit({ ...proposal(), signatures: proposal().signatures.slice(0, 2) }, note("no quorum"));
  scheduler.run(13_000);
  assert.deepEqual(
    told.splice(0).map(([, type]) => type),
    ["failed"],
  );
  const [, , latest] = chain.head.state.checkpoints;
  assert.ok(latest.finalAt >= latest.committedAt + PARAMETERS.challengeWindowSeconds);
});

test("a conviction that a reorganisation takes back is pursued again", () => {
  const { scheduler, chain, clerkOf, evidence } = worldOf("court");
  const clerks = [0, 1].map((node) => clerkOf(node));
  for (const clerk of clerks) clerk.accuse(evidence(3));
  const convicted = () => chain.head.state.operators.get(toHex(OWNERS[3]))?.status === "convicted";
  scheduler.run(5000);
  assert.ok(convicted());
  // Nobody on the other branch hears of the conviction while it is made.
  const over = chain.censor(OWNERS);
  chain.fork(6, 0, [], true);
  scheduler.run(5010);
  assert.equal(convicted(), false);
  over();
  scheduler.run(30_000);
  assert.ok(convicted());
  assert.equal(moneyFault(chain.head.state), undefined);
});

test("who is censored is not mined, nobody is while the chain stands still, and afterwards all are", () => {
  const { scheduler, chain } = worldOf("censor");
  const endpointOf = (owner: Uint8Array) => {
    for (let block: Block | undefined = chain.head; block; block = block.parent)
      for (const event of block.events)
        if (event.kind === "endpoint" && toHex(event.operator) === toHex(owner)) return event.endpoint;
    return undefined;
  };
  const uncensor = chain.censor([OWNERS[0]]);
  for (const owner of OWNERS.slice(0, 2)) chain.submit(owner, { type: "endpoint", endpoint: "new:1" });
  scheduler.run(5000);
  assert.deepEqual([endpointOf(OWNERS[0]), endpointOf(OWNERS[1])], [undefined, "new:1"]);
  const go = chain.stop();
  uncensor();
  const { number } = chain.head;
  scheduler.run(10_000);
  assert.equal(chain.head.number, number);
  go();
  scheduler.run(15_000);
  assert.equal(endpointOf(OWNERS[0]), "new:1");
  const late = chain.stop();
  chain.heal();
  scheduler.run(20_000);
  const healed = chain.head.number;
  assert.ok(healed > number + 5);
  late(); // has nothing to end any more
  scheduler.run(25_000);
  assert.ok(chain.head.number > healed);
});

test("waiting joins take effect at an epoch, by whichever clerk", () => {
  const { scheduler, chain, clerkOf, keyring, deployment } = worldOf("epoch");
  clerkOf(0);
  const signer = keyring.signer("fifth");
  const consent = signer.sign(consentDigest(deployment, OWNERS[4], signer.address));
  chain.submit(OWNERS[4], { type: "join", signer: signer.address, endpoint: "e:1", stake: 1500n, consent });
  scheduler.run(8000);
  assert.equal(chain.head.state.set.length, 4);
  scheduler.run(25_000);
  assert.equal(chain.head.state.set.length, 5);
});
