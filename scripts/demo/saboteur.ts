import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { Chain } from "../../offchain/chain/chain.ts";
import { loadDeployment } from "../../offchain/chain/deployment-file.ts";
import { type Bytes, equal, fromHex, toHex } from "../../offchain/core/bytes.ts";
import { Context } from "../../offchain/core/context.ts";
import type { Advance } from "../../offchain/core/cut.ts";
import { Heads } from "../../offchain/core/heads.ts";
import { Protocol } from "../../offchain/core/protocol.ts";
import { type Request, requestId } from "../../offchain/core/request.ts";
import { encodeSegment, sealSegment, trackId } from "../../offchain/core/segment.ts";
import { encodeSnapshot, SALT_BYTES } from "../../offchain/core/snapshot.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { Mesh, type MeshHandlers } from "../../offchain/mesh/mesh.ts";
import { loadConfig } from "../../offchain/node/config.ts";
import { openKeystore } from "../../offchain/node/keys.ts";
import { protocolOptions } from "../../offchain/node/protocol-options.ts";
import { Store } from "../../offchain/store/store.ts";

/**
 * A registered operator that contradicts itself on purpose: it signs two different segments for one place of its track, shows
 * the one to one worker only and the other to another one only, and says nothing of it in its beats.
 *
 *   node scripts/demo/saboteur.ts --config <its worker.yaml> --show-a <operator> --show-b <operator>
 */
const { values } = parseArgs({
  options: { config: { type: "string" }, "show-a": { type: "string" }, "show-b": { type: "string" } },
});
if (!values.config || !values["show-a"] || !values["show-b"]) {
  process.stderr.write("saboteur: needs --config, --show-a and --show-b\n");
  process.exit(2);
}
const config = loadConfig(values.config);
const deployment = loadDeployment(config.chain.deployment);
const { signer, privateKey } = await openKeystore(config.keystore, config.passwordFile);
const self = fromHex(config.operator, 20);
const [showA, showB] = [fromHex(values["show-a"], 20), fromHex(values["show-b"], 20)];
const ledger = fromHex(deployment.contracts.checkpointLedger, 20);
const store = Store.open(config.dataFolder, { identity: { operator: self, chainId: deployment.chainId, ledger } });
const protocol = new Protocol(protocolOptions(crypto, deployment, self, signer), 0);
const { replica, following } = protocol;
protocol.recall(store.disk());
const random = (count: number): Bytes => new Uint8Array(randomBytes(count));

/** Two stories of one track, each as long as somebody needs it to be: every segment opens a turn that is never written. */
const track = { operator: self, incarnation: random(16) };
class Story {
  readonly to: Bytes;
  readonly hashes: Bytes[] = [];
  readonly #segments: Bytes[] = [];

  constructor(to: Bytes) {
    this.to = to;
  }

  segments(from: number, to: number): Bytes[] {
    while (this.#segments.length < to) this.#write();
    return this.#segments.slice(from - 1, to);
  }

  #write(): void {
    const context = Context.of(crypto, [65]);
    const request: Request = {
      requester: random(32),
      nonce: random(32),
      model: random(32),
      before: { root: Context.empty(crypto).root, length: 0 },
      after: { root: context.root, length: 1 },
      parameters: { temperature: 0, stop: [] },
      maxLength: 1,
    };
    const start = { length: 0, peaks: [] };
    const body = encodeSnapshot({ type: "open", requestId: requestId(crypto, request), request, start });
    const at = { sequence: this.hashes.length + 1, previous: this.hashes.at(-1) ?? trackId(crypto, track) };
    const snapshots = [{ salt: random(SALT_BYTES), body }];
    const segment = sealSegment(crypto, replica.separator, signer, track, at, snapshots);
    this.hashes.push(segment.hash);
    this.#segments.push(encodeSegment(segment));
  }
}
const stories = [new Story(showA), new Story(showB)];
const storyFor = (peer: Bytes) => stories.find(({ to }) => equal(to, peer));

/** One segment, and to whoever has heard the other story meanwhile the next one of this story, which does not fit on it. */
function shown(since: readonly Advance[], to: Bytes): Bytes[] {
  const story = storyFor(to);
  const held = since.find(({ incarnation }) => equal(incarnation, track.incarnation));
  if (!story) return [];
  if (!held) return story.segments(1, 1);
  const known = story.hashes[held.sequence - 1];
  return known && equal(known, held.head) ? [] : story.segments(held.sequence + 1, held.sequence + 1);
}

const handlers: MeshHandlers = {
  beat() {},
  evidence() {},
  segment() {},
  rows() {},
  heads: () => [],
  state: () => ({ ...protocol.state(0), heads: new Heads(), evidence: [] }),
  segmentsSince: (since, _of, to) => shown(since, to),
  fetch: (_track, from, to, peer) => storyFor(peer)?.segments(from, to) ?? [],
  cut: () => undefined,
  memory: () => undefined,
  tree: () => undefined,
  attest: (_from, ticket) => mesh.reply(ticket, { type: "refused", code: "no", message: "not today" }),
  answered() {},
  async *generate() {},
};
const mesh: Mesh = new Mesh({
  operator: self,
  signer,
  crypto,
  separator: replica.separator,
  listen: config.listen,
  handlers,
  onFault() {},
});
const chain = new Chain({
  rpcUrl: config.chain.rpc,
  deployment,
  account: privateKey,
  log: store.chainLog,
  crypto,
  pollMs: config.chain.pollMs,
  activateEpochs: false,
  onFault: (fault) => process.stderr.write(`saboteur: ${fault.message}\n`),
  onUpdate(update) {
    following.take({ ...update, time: 0 });
    mesh.setPeers(following.reachable());
    if (replica.registry.operator(self)?.standing === "convicted") process.stdout.write("saboteur: convicted\n");
  },
});
await mesh.start();
await chain.start();
process.stdout.write(`saboteur: ${toHex(self)} shows two faces at ${config.listen}\n`);

const stop = async () => {
  await mesh.close();
  await chain.stop();
  store.close();
  process.exit(0);
};
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
if (process.connected) process.once("disconnect", stop);
