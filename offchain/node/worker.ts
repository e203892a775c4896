import { randomBytes } from "node:crypto";
import { statfsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createApi } from "../api/server.ts";
import { Chain } from "../chain/chain.ts";
import { type Deployment, loadDeployment } from "../chain/deployment.ts";
import type { ChainUpdate } from "../chain/follower.ts";
import { type Bytes, fromHex, toHex } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence.ts";
import { crypto } from "../crypto/crypto.ts";
import { createEngine, type Engine } from "../inference/engine.ts";
import { Mesh } from "../mesh/mesh.ts";
import { Store } from "../store/store.ts";
import { Author } from "./author.ts";
import { Checkpointer } from "./checkpointer.ts";
import type { Config } from "./config.ts";
import { Conversations } from "./conversations.ts";
import { CutSeeker } from "./cut-seeker.ts";
import { failpointsFrom } from "./failpoints.ts";
import { finishOpenTurns } from "./finish.ts";
import { Gateway } from "./gateway.ts";
import { type HotKey, openKeystore } from "./keys.ts";
import { Knowledge } from "./knowledge.ts";
import { Observer } from "./observer.ts";
import { ParentFinder } from "./parents.ts";
import { Receipts } from "./receipts.ts";
import { ReplicationClock } from "./replication-clock.ts";
import { Replicator } from "./replicator.ts";
import { RowBook } from "./row-book.ts";
import { served } from "./served.ts";
import { statusOf } from "./status.ts";
import { TrackWriter } from "./writer.ts";

/** Parts that a test puts something else in the place of. */
export type Parts = { wrapEngine?(engine: Engine): Engine };

export type Worker = { readonly apiPort: number; readonly meshPort: number; stop(): Promise<void> };

/** How often proposals, lagging tracks and unknown cuts are looked after. */
const TICK_MS = 200;
/** After a start, how long others' tracks are let come in before open turns are finished. */
const FINISH_AFTER_MS = 2_000;

const now = () => performance.now();
const random = (count: number): Bytes => new Uint8Array(randomBytes(count));

/**
 * Starts a worker. What is started last is stopped first.
 *
 * @throws WeftError `bad_key`, `wrong_chain`, `store_*`, `cannot_listen`; DeploymentError
 */
export async function startWorker(config: Config, { wrapEngine = (engine) => engine }: Parts = {}): Promise<Worker> {
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const deployment = loadDeployment(config.chain.deployment);
    const key = await openKeystore(config.keystore, config.passwordFile);
    const engine = wrapEngine(await createEngine(config.model, { threads: config.threads }));
    stops.push(() => engine.close());
    const ports = await compose(config, deployment, key, engine, (one) => stops.push(one));
    return { ...ports, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function compose(
  config: Config,
  deployment: Deployment,
  { signer, privateKey }: HotKey,
  engine: Engine,
  onStop: (stop: () => Promise<void> | void) => void,
): Promise<{ apiPort: number; meshPort: number }> {
  const observer = new Observer(config);
  const { log, metrics } = observer;
  const onFault = observer.fault;
  const failpoint = failpointsFrom(process.env["WEFT_FAILPOINT"]);
  const self = fromHex(config.operator, 20);
  const ledger = fromHex(deployment.contracts.checkpointLedger, 20);
  const store = Store.open(config.dataFolder, {
    identity: { operator: self, chainId: deployment.chainId, ledger },
    failpoint,
  });
  onStop(() => store.close());

  const knowledge = new Knowledge({ crypto, deployment, self, store });
  const { replica, consensus } = knowledge;
  const rows = new RowBook({
    hashing: crypto,
    replica,
    store: store.rows,
    self,
    rowBytes: engine.model.rowBytes,
    onRefused: (from, reason) => observer.rowsRefused(from, reason),
  });
  const replicator = new Replicator({
    replica,
    consensus,
    store,
    rows,
    now,
    onFault,
    onFatal: observer.fatal,
    onAccused: (operator, evidence) => accuse(operator, evidence),
  });
  const clock = new ReplicationClock(replica, (seconds) => metrics.replicated.observe(seconds), now);
  const writer = new TrackWriter({
    hashing: crypto,
    separator: replica.separator,
    signer,
    track: { operator: self, incarnation: random(16) },
    flushMs: deployment.parameters.flushMs,
    random,
    commit(sealed) {
      replicator.commitOwn(sealed);
      clock.sealed(sealed.segment.header);
      metrics.segmentsSealed.inc();
      for (const shipment of sealed.rows) metrics.rowsBytes.inc(shipment.rows.length);
    },
    onFailure: observer.fatal,
  });
  onStop(() => writer.stop());

  const conversations = new Conversations(crypto, replica);
  const author = new Author({
    crypto,
    engine,
    replica,
    writer,
    rows,
    parents: new ParentFinder(replica, consensus, conversations),
    concurrentTurns: config.concurrentTurns,
    admit() {
      const { bavail, bsize } = statfsSync(config.dataFolder);
      if (bavail * bsize < config.minimumFreeDiskBytes)
        throw new WeftError("disk_full", "this worker takes no new turns: its disk is nearly full");
    },
    now,
    onFalseRows: (piece) => observer.falseRows(store, piece),
    onTokens: (count) => metrics.tokensWritten.inc(count),
    onOpened: (attached, prefilled) => observer.turnOpened(attached, prefilled),
  });

  const beatAt = new Map<string, number>();
  const mesh: Mesh = new Mesh({
    operator: self,
    signer,
    crypto,
    separator: replica.separator,
    listen: config.listen,
    handlers: {
      ...served({ knowledge, store, author }),
      beat(from, beat) {
        beatAt.set(toHex(from), now());
        checkpointer.heard(from);
        replicator.apply(replica.step({ type: "beat", from, beat, now: now() }));
        clock.heard();
      },
      evidence: (_from, evidence) => replicator.apply(replica.step({ type: "evidence", evidence })),
      segment: (from, bytes) => replicator.receive(from, bytes),
      rows: (from, shipment) => rows.receive(from, shipment),
      attest: (from, proposal) => checkpointer.attest(from, proposal),
      peerUp: (operator) => log.info({ peer: toHex(operator) }, "peer up"),
      peerDown(operator) {
        replica.step({ type: "peer-lost", peer: operator });
        log.info({ peer: toHex(operator) }, "peer down");
      },
    },
    onFault,
    failpoint,
  });
  replicator.connect(mesh);

  const chain = new Chain({
    rpcUrl: config.chain.rpc,
    deployment,
    account: privateKey,
    log: store.chainLog,
    crypto,
    pollMs: config.chain.pollMs,
    confirmations: config.chain.confirmations,
    onFault: (fault) => onFault(fault.code, undefined, fault),
    onUpdate: (update) => follow(update),
    onConvicted: (outcome) => observer.convicted(outcome),
  });
  const follow = (update: ChainUpdate) => {
    try {
      if (update.type === "reorg") {
        log.warn("the chain's events are read anew: it was reorganised, or could not be followed");
        knowledge.rebuild(update.events);
      } else if (knowledge.extend(update.events).length > 0) checkpointer.committed();
      mesh.setPeers(knowledge.peers());
      mesh.changed();
      for (const evidence of replica.evidence.values()) pursue(evidence.a.header.operator, evidence);
    } catch (error) {
      log.error({ error }, "the chain could not be followed");
      throw error; // told again, from the beginning
    }
  };
  const accuse = (operator: Bytes, evidence: Evidence) => {
    log.warn({ accused: toHex(operator) }, "an operator contradicted itself");
    pursue(operator, evidence);
  };
  /** To court, once the registry knows the operator: also when a reorganisation took its join back meanwhile. */
  const pursue = (operator: Bytes, evidence: Evidence) => {
    const standing = replica.registry.operator(operator)?.standing;
    if (standing !== undefined && standing !== "convicted") void chain.convict(evidence);
  };
  const checkpointer: Checkpointer = new Checkpointer({
    replica,
    consensus,
    replicator,
    store,
    signer,
    chain,
    mesh,
    load: () => author.load,
    shortestMs: deployment.parameters.checkpointIntervalShortestMs,
    longestMs: deployment.parameters.checkpointIntervalLongestMs,
    now,
    failpoint,
    onFault,
    onCommitted: (number, segments, gas) => observer.committed(number, segments, gas),
  });

  await chain.start();
  onStop(() => chain.stop());
  const { port: meshPort } = await mesh.start();
  onStop(() => mesh.close());
  mesh.setPeers(knowledge.peers());
  for (const evidence of replica.evidence.values()) {
    mesh.publishEvidence(evidence);
    accuse(evidence.a.header.operator, evidence);
  }
  const cuts = new CutSeeker(knowledge, mesh, onFault);
  const ticking = setInterval(() => {
    replicator.catchUp();
    checkpointer.tick();
    cuts.tick();
    if (chain.status().block >= 0) observer.registered(knowledge.isRegistered(signer.address), signer.address);
  }, TICK_MS);
  onStop(() => clearInterval(ticking));

  const gateway = new Gateway({
    crypto,
    self,
    model: engine.model,
    author,
    authors: {
      up: () => mesh.peers().flatMap(({ up, operator }) => (up ? [operator] : [])),
      generate: (peer, order, signal) => mesh.generate(peer, order, signal),
      lastBeat: (peer) => beatAt.get(toHex(peer)) ?? 0,
    },
    conversations,
    replica,
    random,
    now,
    silenceMs: config.authorSilenceMs,
    onTakeover: (from, reason) => observer.takeover(from, reason),
  });
  const receipts = new Receipts({ conversations, knowledge, store });
  const created = Math.floor(Date.now() / 1000);
  const api = createApi(
    {
      ...statusOf({ knowledge, mesh, chain, signer, metrics }),
      complete: (request, signal) => gateway.complete(request, signal),
      models: () => [{ id: engine.model.name, created }],
      receipt: async (requestId, position) => receipts.of(requestId, position),
    },
    { logger: log },
  );
  const at = config.api.listen.lastIndexOf(":");
  await api.listen({ host: config.api.listen.slice(0, at), port: Number(config.api.listen.slice(at + 1)) });
  onStop(() => api.close());
  const finishing = setTimeout(
    () => finishOpenTurns({ replica, conversations, author, writer, onFault }),
    FINISH_AFTER_MS,
  );
  onStop(() => clearTimeout(finishing));

  const apiPort = (api.server.address() as AddressInfo).port;
  log.info({ apiPort, meshPort, model: engine.model.name }, "worker started");
  return { apiPort, meshPort };
}
