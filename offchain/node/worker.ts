import { randomBytes } from "node:crypto";
import { statfsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createApi } from "../api/server.ts";
import { Chain } from "../chain/chain.ts";
import type { Deployment } from "../chain/deployment.ts";
import { loadDeployment } from "../chain/deployment-file.ts";
import type { ChainUpdate } from "../chain/follower.ts";
import { Admission } from "../core/admission.ts";
import { type Bytes, fromHex, toHex } from "../core/bytes.ts";
import { Conversations } from "../core/conversations.ts";
import { ParentFinder } from "../core/parents.ts";
import { Pen, type Sealed } from "../core/pen.ts";
import { Pens } from "../core/pens.ts";
import { Protocol } from "../core/protocol.ts";
import { crypto } from "../crypto/crypto.ts";
import { createCopier } from "../inference/copy.ts";
import { createEngine, type Engine } from "../inference/engine.ts";
import { Mesh } from "../mesh/mesh.ts";
import { Store } from "../store/store.ts";
import { Archive } from "./archive.ts";
import { Author } from "./author.ts";
import { Challenges } from "./challenges.ts";
import { CheckpointPages } from "./checkpoint-pages.ts";
import type { Config } from "./config.ts";
import { DisputeDesk } from "./dispute-desk.ts";
import { Driver } from "./driver.ts";
import { failpointsFrom } from "./failpoints.ts";
import { Finishing } from "./finishing.ts";
import { openFront } from "./front.ts";
import { type HotKey, openKeystore } from "./keys.ts";
import { Observer } from "./observer.ts";
import { protocolOptions } from "./protocol-options.ts";
import { Receipts } from "./receipts.ts";
import { ReplicationClock } from "./replication-clock.ts";
import { RowBook } from "./row-book.ts";
import { served } from "./served.ts";
import { statusOf } from "./status.ts";

/** Parts that a test puts something else in the place of. */
export type Parts = { wrapEngine?(engine: Engine): Engine };

export type Worker = { readonly apiPort: number; readonly meshPort: number; stop(): Promise<void> };

/** How often proposals, lagging tracks and unknown cuts are looked after, and what became final. */
const TICK_MS = 200;

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
    const engine = wrapEngine(await createEngine(config.model, crypto, { threads: config.threads }));
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

  const protocol = new Protocol(protocolOptions(crypto, deployment, self, signer, config.driftDegrees), now());
  const { replica, consensus, following } = protocol;
  const recalled = protocol.recall(store.disk());
  const rows = new RowBook({
    hashing: crypto,
    replica,
    store: store.rows,
    self,
    rowBytes: engine.model.rowBytes,
    onRefused: (from, reason) => observer.rowsRefused(from, reason),
  });
  const driver = new Driver({
    protocol,
    store,
    rows,
    now,
    failpoint,
    onFault,
    onFatal: observer.fatal,
    onAccused: ({ a }) => log.warn({ accused: toHex(a.header.operator) }, "an operator contradicted itself"),
    onCommitted(numbers) {
      observer.takes();
      log.debug({ numbers }, "checkpoints on the chain");
    },
    onRetired: (successor) => observer.retired(successor),
    onMined: (number, segments, gas) => observer.committed(number, segments, gas),
  });
  const clock = new ReplicationClock(replica, (seconds) => metrics.replicated.observe(seconds), now);
  const commit = (sealed: Sealed) => {
    driver.commitOwn(sealed);
    clock.sealed(sealed.segment.header);
    metrics.segmentsSealed.inc();
    for (const shipment of sealed.rows) metrics.rowsBytes.inc(shipment.rows.length);
  };
  const { separator } = replica;
  const pens = new Pens(() => {
    const track = { operator: self, incarnation: random(16) };
    return new Pen({ hashing: crypto, separator, signer, track, random, commit, onFailure: observer.fatal });
  });
  const flushing = setInterval(() => pens.tryFlush(), deployment.parameters.flushMs);
  onStop(() => {
    clearInterval(flushing);
    pens.tryFlush();
  });

  const archive = new Archive(crypto, consensus, store);
  const conversations = new Conversations(crypto, replica);
  const admission = new Admission({
    replica,
    signer: signer.address,
    concurrentTurns: config.concurrentTurns,
    turnsPerGateway: config.turnsPerGateway ?? Math.ceil(config.concurrentTurns / 2),
    minimumFreeBytes: config.minimumFreeDiskBytes,
    freeBytes() {
      const { bavail, bsize } = statfsSync(config.dataFolder);
      return bavail * bsize;
    },
  });
  const copier = createCopier(engine.model.tokenizer);
  const author = new Author({
    crypto,
    engines: [engine, copier],
    replica,
    consensus,
    pens,
    rows,
    parents: new ParentFinder(replica, consensus, conversations),
    admission,
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
      ...served({ protocol, archive, store, author, admission }),
      beat(from, beat) {
        beatAt.set(toHex(from), now());
        driver.handle({ type: "beat", from, beat });
        clock.heard();
      },
      evidence: (_from, evidence) => driver.handle({ type: "evidence", evidence }),
      segment: (from, bytes) => driver.receive(from, bytes),
      rows: (from, shipment) => rows.receive(from, shipment),
      attest: (from, ticket, proposal) => driver.handle({ type: "asked", from, ticket, proposal }),
      answered: (id, answer) => driver.handle({ type: "answered", id, answer }),
      peerUp(operator) {
        driver.handle({ type: "peer", peer: operator, up: true });
        log.info({ peer: toHex(operator) }, "peer up");
      },
      peerDown(operator) {
        driver.handle({ type: "peer", peer: operator, up: false });
        log.info({ peer: toHex(operator) }, "peer down");
      },
    },
    onFault,
    failpoint,
  });

  const desk = new DisputeDesk({ config, protocol, archive, conversations, engine, observer, store, signer });
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
    challenges: new Challenges({ protocol, archive, store }),
    onChallenge: (outcome) => observer.challenged(outcome),
    challengesPerCheckpoint: config.challengesPerCheckpoint,
    challengesAtOnce: config.challengesAtOnce,
    onCondemned: (outcome) => observer.condemned(outcome),
    disputes: desk.options,
  });
  const follow = (update: Pick<ChainUpdate, "type" | "events">) => {
    try {
      if (update.type === "reorg")
        log.warn("the chain's events are read anew: it was reorganised, or could not be followed");
      driver.follow({ ...update, time: chain.time() ?? 0 });
    } catch (error) {
      log.error({ error }, "the chain could not be followed");
      throw error; // told again, from the beginning
    }
  };
  driver.connect({ mesh, chain });

  await chain.start();
  onStop(() => chain.stop());
  const { port: meshPort } = await mesh.start();
  onStop(() => mesh.close());
  mesh.setPeers(following.reachable());
  driver.carryOut(recalled);
  const ticking = setInterval(() => {
    if ((chain.time() ?? 0) > following.time) follow({ type: "events", events: [] }); // what is final depends on it
    driver.handle({ type: "tick", load: admission.load });
    desk.tick();
    if (chain.status().block >= 0) observer.registered(following.isRegistered(signer.address), signer.address);
  }, TICK_MS);
  onStop(() => clearInterval(ticking));

  const finishing = new Finishing({ replica, conversations, pens, author, onFault });
  const { gateway, memories } = openFront({
    crypto,
    self,
    engine,
    copier: copier.model,
    author,
    admission,
    mesh,
    beatAt,
    conversations,
    protocol,
    store,
    random,
    now,
    silenceMs: config.authorSilenceMs,
    onTakeover: (from, reason) => observer.takeover(from, reason),
    mayChange: (turn) => finishing.mayChange(turn),
  });
  const { referenceSpan, retentionSeconds } = deployment.parameters;
  const receipts = new Receipts({
    ...{ conversations, protocol, archive, store, referenceSpan },
    model: engine.model,
    says: (turn) => chain.says(turn),
  });
  const watched = { copier, referenceSpan, retentionSeconds, isIdle: () => admission.load === 0, now };
  onStop(desk.watch(chain, receipts, watched));
  const pages = new CheckpointPages({ consensus, archive, store });
  const created = Math.floor(Date.now() / 1000);
  const api = createApi(
    {
      ...statusOf({ protocol, mesh, chain, signer, observer }),
      complete: (request, signal) => gateway.complete(request, signal),
      memories,
      models: () => [{ id: engine.model.name, created }],
      receipt: async (requestId, range) => receipts.of(requestId, range),
      checkpointPage: (part, number, from) => pages.page(part, number, from),
      reports: (after) => desk.reports(after),
    },
    { logger: log },
  );
  const at = config.api.listen.lastIndexOf(":");
  await api.listen({ host: config.api.listen.slice(0, at), port: Number(config.api.listen.slice(at + 1)) });
  onStop(() => api.close());
  onStop(finishing.start());

  const apiPort = (api.server.address() as AddressInfo).port;
  log.info({ apiPort, meshPort, model: engine.model.name }, "worker started");
  return { apiPort, meshPort };
}
