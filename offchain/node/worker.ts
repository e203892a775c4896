import { randomBytes } from "node:crypto";
import { statfsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { createApi } from "../api/server.ts";
import { Chain } from "../chain/chain.ts";
import { loadDeployment } from "../chain/deployment.ts";
import type { ChainUpdate } from "../chain/follower.ts";
import { type Bytes, equal, fromHex, toHex } from "../core/bytes.ts";
import { encodeCheckpoint } from "../core/checkpoint.ts";
import { encodeEntries } from "../core/cut.ts";
import { codeOf, WeftError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence.ts";
import { crypto } from "../crypto/crypto.ts";
import { createEngine, type Engine } from "../inference/engine.ts";
import { Mesh, type MeshHandlers } from "../mesh/mesh.ts";
import { Store } from "../store/store.ts";
import { Author } from "./author.ts";
import { Checkpointer } from "./checkpointer.ts";
import type { Config } from "./config.ts";
import { Conversations } from "./conversations.ts";
import { failpointsFrom } from "./failpoints.ts";
import { finishOpenTurns } from "./finish.ts";
import { Gateway } from "./gateway.ts";
import { openKeystore } from "./keys.ts";
import { Knowledge, separatorOf } from "./knowledge.ts";
import { createMetrics } from "./metrics.ts";
import { ParentFinder } from "./parents.ts";
import { Receipts } from "./receipts.ts";
import { ReplicationClock } from "./replication-clock.ts";
import { Replicator } from "./replicator.ts";
import { type Piece, RowBook } from "./row-book.ts";
import { type Sealed, TrackWriter } from "./writer.ts";

/** Parts of a worker that are not the ordinary ones. */
export type Parts = { wrapEngine?(engine: Engine): Engine };

export type Worker = { readonly apiPort: number; readonly meshPort: number; stop(): Promise<void> };

/** How often proposals, lagging tracks and unknown cuts are looked after. */
const TICK_MS = 200;
const FINISH_AFTER_MS = 2_000;

/**
 * Composes a worker and starts it. What is started last is stopped first.
 *
 * @throws WeftError `bad_config`, `bad_key`, `not_registered`, `wrong_chain`, `store_*`, `cannot_listen`
 */
export async function startWorker(config: Config, { wrapEngine = (engine) => engine }: Parts = {}): Promise<Worker> {
  const log = pino({ level: config.logLevel, base: { operator: config.operator } });
  const metrics = createMetrics();
  const failpoint = failpointsFrom(process.env["WEFT_FAILPOINT"]);
  const now = () => performance.now();
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const one of stops.reverse().splice(0)) await one();
  };

  const self = fromHex(config.operator, 20);
  const deployment = loadDeployment(config.chain.deployment);
  const { signer, privateKey } = await openKeystore(config.keystore, config.passwordFile);
  const engine = wrapEngine(await createEngine(config.model, { threads: config.threads }));
  stops.push(() => engine.close());
  const store = Store.open(config.dataFolder, {
    identity: {
      operator: self,
      chainId: deployment.chainId,
      ledger: fromHex(deployment.contracts.checkpointLedger, 20),
    },
    failpoint,
  });
  stops.push(() => store.close());

  try {
    const knowledge = new Knowledge({ crypto, deployment, self, store });
    const { replica, consensus } = knowledge;
    const onFault = (kind: string, operator: Bytes | undefined, error: unknown) => {
      metrics.faults.inc({ kind });
      const peer = operator && toHex(operator);
      const level = kind === "drift" ? "error" : "debug";
      log[level]({ kind, peer, code: codeOf(error), reason: error instanceof Error ? error.message : error }, "fault");
    };
    const onFatal = (error: unknown) => {
      log.fatal({ error }, "what is in memory may not be on disk: stopping");
      process.exit(70);
    };

    const rows = new RowBook({
      hashing: crypto,
      replica,
      store: store.rows,
      self,
      rowBytes: engine.model.rowBytes,
      onRefused: (from, reason) => {
        metrics.rowsRefused.inc({ reason });
        log.warn({ from: toHex(from), reason }, "rows refused");
      },
    });
    const replicator = new Replicator({
      replica,
      consensus,
      store,
      rows,
      now,
      onFault,
      onFatal,
      onAccused: (operator, evidence) => accuse(operator, evidence),
    });
    const clock = new ReplicationClock(replica, (seconds) => metrics.replicated.observe(seconds), now);
    const writer = new TrackWriter({
      hashing: crypto,
      separator: replica.separator,
      signer,
      track: { operator: self, incarnation: new Uint8Array(randomBytes(16)) },
      flushMs: deployment.parameters.flushMs,
      random: (count) => new Uint8Array(randomBytes(count)),
      commit: (sealed: Sealed) => {
        replicator.commitOwn(sealed);
        clock.sealed(sealed.segment.header);
        metrics.segmentsSealed.inc();
        for (const one of sealed.rows) metrics.rowsBytes.inc(one.rows.length);
      },
      onFailure: onFatal,
    });
    stops.push(() => writer.stop());

    const conversations = new Conversations(crypto, replica);
    const author = new Author({
      crypto,
      engine,
      replica,
      writer,
      rows,
      parents: new ParentFinder(replica, consensus, conversations),
      concurrentTurns: config.concurrentTurns,
      admit: () => {
        const { bavail, bsize } = statfsSync(config.dataFolder);
        if (bavail * bsize < config.minimumFreeDiskBytes)
          throw new WeftError("disk_full", "this worker takes no new turns: its disk is nearly full");
      },
      onFalseRows: ({ turn, run }: Piece) => {
        const details = { turn: toHex(turn.id), incarnation: toHex(turn.track.incarnation), ...run.place };
        metrics.falseRows.inc({ author: toHex(turn.track.operator) });
        const segment = store.segment(turn.track, run.place.sequence);
        const proof = segment ? toHex(segment.bytes) : "";
        store.putReport({ kind: "false_rows", author: turn.track.operator, details: { ...details, segment: proof } });
        log.error({ author: toHex(turn.track.operator), ...details }, "signed rows are false");
      },
      onTokens: (count) => metrics.tokensWritten.inc(count),
      onOpened: (attached, prefilled) => {
        metrics.turnsOpened.inc();
        metrics.attached.inc(attached);
        metrics.prefilled.inc(prefilled);
      },
    });

    const beatAt = new Map<string, number>();
    const handlers: MeshHandlers = {
      beat(from, beat) {
        beatAt.set(toHex(from), now());
        checkpointer.heard(from);
        replicator.apply(replica.step({ type: "beat", from, beat, now: now() }));
        clock.heard();
      },
      evidence: (_from, evidence) => replicator.apply(replica.step({ type: "evidence", evidence })),
      segment: (from, bytes) => replicator.receive(from, bytes),
      rows: (from, shipment) => rows.receive(from, shipment),
      peerUp: (operator) => log.info({ peer: toHex(operator) }, "peer up"),
      peerDown: (operator) => {
        replica.step({ type: "peer-lost", peer: operator });
        log.info({ peer: toHex(operator) }, "peer down");
      },
      heldOf: (operator) => replica.heads().filter((head) => equal(head.operator, operator)),
      state: () => ({
        registryPosition: replica.registry.position,
        registryMark: replica.registry.hash.subarray(0, 8),
        checkpoint: consensus.latest.checkpoint.number,
        digest: replica.digest(),
        load: author.load,
        heads: replica.heads(),
        evidence: [...replica.evidence.values()].map(({ a }) => a.header.operator),
      }),
      *ownSegments(since) {
        for (const head of store.heads()) {
          if (!equal(head.operator, self)) continue;
          const held = since.find(({ incarnation }) => equal(incarnation, head.incarnation))?.sequence ?? 0;
          for (const { bytes } of store.segments(head, held + 1, head.sequence)) yield bytes;
        }
      },
      *fetch(track, from, to) {
        for (const { bytes } of store.segments(track, from, to)) yield bytes;
      },
      cut(number) {
        const committed = consensus.committed(number);
        if (!committed?.cut) return undefined;
        return { checkpoint: encodeCheckpoint(committed.checkpoint), entries: encodeEntries(committed.cut.entries) };
      },
      attest: (from, proposal) => checkpointer.attest(from, proposal),
      generate: (_from, order, signal) => author.generate(order, signal),
    };
    const mesh = new Mesh({
      operator: self,
      signer,
      crypto,
      separator: separatorOf(crypto, deployment),
      listen: config.listen,
      handlers,
      onFault,
      failpoint,
    });
    replicator.connect(mesh);

    const setPeers = () =>
      mesh.setPeers(
        replica.registry.operators
          .filter(({ operator }) => !replica.registry.isEnded(operator))
          .map(({ operator, signer: key }) => ({
            operator,
            signer: key,
            endpoint: knowledge.endpoints.get(toHex(operator)) ?? "",
          })),
      );
    const chain = new Chain({
      rpcUrl: config.chain.rpc,
      deployment,
      account: privateKey,
      log: store.chainLog,
      crypto,
      pollMs: config.chain.pollMs,
      confirmations: config.chain.confirmations,
      onFault: (fault) => onFault(fault.code, undefined, fault),
      onUpdate: (update: ChainUpdate) => {
        if (update.type === "reorg") {
          log.warn("the chain was reorganised");
          knowledge.rebuild(update.events);
        } else if (knowledge.extend(update.events).length > 0) checkpointer.committed();
        setPeers();
        mesh.changed();
      },
      onConvicted: (outcome) => {
        log.warn(
          { ...outcome, operator: toHex(outcome.operator), gas: "gas" in outcome ? Number(outcome.gas) : 0 },
          "conviction",
        );
        if (outcome.type !== "convicted") return;
        metrics.convictions.inc();
        metrics.convictionGas.set(Number(outcome.gas));
      },
    });
    const accuse = (operator: Bytes, evidence: Evidence) => {
      log.warn({ operator: toHex(operator) }, "an operator contradicted itself");
      if (replica.registry.operator(operator)?.standing !== "convicted") void chain.convict(evidence);
    };
    const checkpointer = new Checkpointer({
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
      onCommitted: (number, segments, gas) => {
        metrics.checkpointsCommitted.inc();
        metrics.commitGas.set(Number(gas));
        log.info({ number, segments, gas: Number(gas) }, "checkpoint committed");
      },
    });

    await chain.start();
    stops.push(() => chain.stop());
    const { port: meshPort } = await mesh.start();
    stops.push(() => mesh.close());
    setPeers();
    for (const evidence of replica.evidence.values()) {
      mesh.publishEvidence(evidence);
      accuse(evidence.a.header.operator, evidence);
    }

    const askForCuts = async () => {
      for (const number of knowledge.unknownCuts())
        for (const { operator, up } of mesh.peers()) {
          const cut = up && (await mesh.cut(operator, number).catch(() => undefined));
          if (!cut || consensus.committed(number)?.cut) continue;
          knowledge.learnCut(number, cut.checkpoint, cut.entries);
          break;
        }
    };
    let asking = false;
    const ticking = setInterval(() => {
      replicator.catchUp();
      checkpointer.tick();
      if (asking) return;
      asking = true;
      askForCuts()
        .catch((error) => onFault("cut", undefined, error))
        .finally(() => {
          asking = false;
        });
    }, TICK_MS);
    stops.push(() => clearInterval(ticking));

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
      random: (count) => new Uint8Array(randomBytes(count)),
      now,
      silenceMs: config.authorSilenceMs,
      onTakeover: (from, reason) => {
        metrics.takeovers.inc({ reason });
        log.warn({ from: toHex(from), reason }, "another author takes over");
      },
    });
    const receipts = new Receipts({ conversations, consensus, replica, store });
    const isRegistered = () => {
      const known = replica.registry.operator(self);
      return known !== undefined && equal(known.signer, signer.address) && !replica.registry.isEnded(self);
    };
    const api = createApi(
      {
        complete: (request, signal) => gateway.complete(request, signal),
        models: () => [{ id: engine.model.name, created: 0 }],
        receipt: async (requestId, position) => receipts.of(requestId, position),
        metrics: async () => {
          const lanes = mesh.peers();
          const sum = (pick: (peer: (typeof lanes)[number]) => number) =>
            lanes.reduce((all, peer) => all + pick(peer), 0);
          metrics.beatsSent.set(sum((peer) => peer.bytesOut.pager));
          metrics.segmentsSent.set(sum((peer) => peer.bytesOut.plot));
          metrics.rowsSent.set(sum((peer) => peer.bytesOut.rows));
          for (const lane of ["pager", "plot", "rows"] as const)
            metrics.received.set(
              { lane },
              sum((peer) => peer.bytesIn[lane]),
            );
          metrics.checkpoint.set(consensus.latest.checkpoint.number);
          metrics.backlog.set(consensus.backlog);
          metrics.peersUp.set(sum((peer) => Number(peer.up)));
          return { contentType: metrics.registry.contentType, body: await metrics.registry.metrics() };
        },
        health: () => {
          const chainStatus = chain.status();
          return {
            ok: isRegistered(),
            registered: isRegistered(),
            peersUp: mesh.peers().filter(({ up }) => up).length,
            chain: chainStatus,
            checkpoint: consensus.latest.checkpoint.number,
            /** Equal at workers that hold the same segments and evidence at the same registry position. */
            digest: toHex(replica.digest()),
            tracks: replica.tracks.size,
          };
        },
      },
      { logger: log },
    );
    const [host, port] = config.api.listen.split(":");
    await api.listen({ host, port: Number(port) });
    stops.push(() => api.close());
    const finishing = setTimeout(
      () => finishOpenTurns({ replica, conversations, author, writer, onFault }),
      FINISH_AFTER_MS,
    );
    stops.push(() => clearTimeout(finishing));

    const apiPort = (api.server.address() as AddressInfo).port;
    log.info({ apiPort, meshPort, model: engine.model.name }, "worker started");
    return { apiPort, meshPort, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
