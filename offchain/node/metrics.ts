import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What a worker tells its operator. Names follow the Prometheus conventions: unit last, `_total` for counters. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "weft_" });
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  return {
    registry,
    tokensWritten: counter("weft_tokens_written_total", "Tokens drawn here"),
    turnsOpened: counter("weft_turns_opened_total", "Turns opened here"),
    segmentsSealed: counter("weft_segments_sealed_total", "Segments signed here"),
    segmentBytes: counter("weft_segments_sealed_bytes_total", "Bytes of the segments signed here"),
    rowsBytes: counter("weft_rows_published_bytes_total", "Bytes of the rows published here, once for all peers"),
    beatsSent: gauge("weft_beats_sent_bytes_total", "Payload sent to all peers on the pager lane"),
    segmentsSent: gauge("weft_segments_sent_bytes_total", "Payload sent to all peers on the plot lane"),
    rowsSent: gauge("weft_rows_sent_bytes_total", "Payload sent to all peers on the rows lane"),
    received: gauge("weft_received_bytes_total", "Payload received from all peers", ["lane"]),
    attached: counter("weft_positions_attached_total", "Positions whose rows came from other workers or earlier turns"),
    prefilled: counter("weft_positions_prefilled_total", "Positions computed before a turn's first token"),
    rowsRefused: counter("weft_rows_refused_total", "Shipments of rows that were refused", ["reason"]),
    falseRows: counter("weft_false_rows_total", "Signed rows that are not what the model computes", ["author"]),
    takeovers: counter("weft_takeovers_total", "Authors given up in mid-sentence", ["reason"]),
    faults: counter("weft_faults_total", "Refused input and failed attempts", ["kind"]),
    replicated: new Histogram({
      name: "weft_replicated_seconds",
      help: "From sealing a segment here until > 2/3 of the stake holds it, by the beats",
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
    checkpoint: gauge("weft_checkpoint_number", "The latest committed checkpoint known here"),
    checkpointsCommitted: counter(
      "weft_checkpoints_committed_total",
      "Checkpoints that this worker brought to the chain",
    ),
    commitGas: gauge("weft_checkpoint_commit_gas", "Gas of the last commit that this worker sent"),
    convictions: counter("weft_convictions_total", "Operators convicted by this worker's transaction"),
    convictionGas: gauge("weft_conviction_gas", "Gas of the last conviction that this worker sent"),
    challenges: counter("weft_challenges_total", "Challenges that this worker's transaction ended", ["outcome"]),
    challengeGas: gauge("weft_challenge_gas", "Gas of the last answer, conclusion or release that this worker sent"),
    condemnations: counter("weft_condemnations_total", "Checkpoints condemned by this worker's transaction"),
    condemnationGas: gauge("weft_condemnation_gas", "Gas of the last condemnation that this worker sent"),
    turnsChecked: counter("weft_turns_checked_total", "Closed turns of other workers that were re-executed here"),
    wrongTurns: counter("weft_wrong_turns_total", "Of these, those with a token that the model does not say", [
      "author",
    ]),
    reports: counter("weft_reports_total", "Signed reports by this worker of turns that it re-executed", [
      "class",
      "verdict",
    ]),
    watchShare: gauge("weft_watch_share", "Of the turns of others, the part that is re-executed now"),
    accusations: counter("weft_accusations_total", "What became of accusations of wrong tokens by this worker", [
      "outcome",
    ]),
    accusationBonds: gauge("weft_accusation_bonds", "Bonds of this worker's open accusations, in the smallest unit"),
    disputes: gauge("weft_disputes", "Open disputes about tokens in which this worker is a party", ["role"]),
    disputeMoves: counter("weft_dispute_moves_total", "What this worker said in disputes about tokens", ["move"]),
    disputeGas: gauge("weft_dispute_gas", "Gas of the last that this worker said in a dispute"),
    ledgerRetired: gauge("weft_ledger_retired", "1 when the ledger takes no checkpoints any more"),
    backlog: gauge("weft_backlog_segments", "Segments that > 2/3 hold and no checkpoint covers"),
    memories: gauge("weft_memories", "Long-term memories that the latest checkpoint has"),
    memoryCells: gauge("weft_memory_cells", "Cells of memories that the latest checkpoint has"),
    memoryLiveCells: gauge("weft_memory_live_cells", "Cells in which something was learnt that no checkpoint has"),
    memoryLiveIncrements: gauge("weft_memory_live_increments", "Sightings of tokens that no checkpoint has, by order"),
    memoryCosine: gauge("weft_memory_cosine", "Of memories as heard with the latest checkpoint's: 1 points alike", [
      "worker",
    ]),
    peersUp: gauge("weft_peers_up", "Peers whose lanes reach us"),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
