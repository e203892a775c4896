import type { Deployment } from "../chain/deployment.ts";
import type { CourtSays } from "../core/dispute.ts";
import { WeftError } from "../core/errors.ts";
import type { Snapshot, TokenKind } from "../core/snapshot.ts";
import { type CheckpointView, Ledger, type Successor } from "./ledger.ts";
import { type Checked, type Claim, checkProof, checkReceipt, confirm, type Fault, type ProvenAnswer } from "./proof.ts";
import { type Hex, parseProof, parseReceipt, type Receipt, type SnapshotProofStruct, toStruct } from "./receipt.ts";
import type { ChainSource } from "./source.ts";
import { type WatchOptions, watchCheckpoints } from "./watch.ts";
import { getReceipt, type ReceiptQuery } from "./workers.ts";

/** What the chain was asked at; `checkpoints` are those that the proofs lead to, `court` is about the turn. */
type Standing = {
  status: "final" | "attested";
  court: CourtSays;
  checkpoints: CheckpointView[];
  block: { number: number; hash: Hex };
};

type Refused = { status: "refused"; fault: Fault };

/**
 * Final: the chain stands for it. Attested: so, but it can still fall. Pending: not covered yet. Refused: not so. That it was
 * said is one thing; that `court` is `silent` another: of an `accused` turn a token may be, of a `void` one it was proven wrong.
 */
export type ReceiptVerdict = (Standing & { answer: ProvenAnswer }) | Refused | { status: "pending"; fault: Fault };

export type ProofVerdict = (Standing & { operator: Hex; turn: Hex; snapshot: Snapshot }) | Refused;

/** A token of an answer as a contract takes it: `proof` is the struct `SnapshotProof`. */
export type ProvenToken = {
  proof: SnapshotProofStruct;
  position: number;
  token: number;
  kind: TokenKind;
  turn: Hex;
  operator: Hex;
  checkpoint: CheckpointView;
};

export type WeftActions = {
  getLatestFinal(): Promise<CheckpointView>;
  getLatestAttested(): Promise<CheckpointView>;
  /** @throws WeftError `unknown_checkpoint` */
  getCheckpoint(number: number): Promise<CheckpointView>;
  /** Where to go on reading: the ledger that comes after this one, once it is announced. */
  getSuccessor(): Promise<Successor | undefined>;
  /** A worker's word, with proofs that `verifyReceipt` checks. @throws WeftError `no_receipt` */
  getReceipt(query: ReceiptQuery): Promise<Receipt>;
  /** Trusts nothing but the chain. @throws WeftError `chain_unreachable`, `wrong_chain`, `chain_moved`: it cannot be said */
  verifyReceipt(receipt: unknown): Promise<ReceiptVerdict>;
  /** The same for one snapshot, wherever its proof comes from. */
  verifyProof(proof: unknown): Promise<ProofVerdict>;
  /**
   * Gets the receipt of one token, verifies it, and gives what a contract wants to see. Asks again until it is final and no
   * accusation of its turn is open, for `timeoutMs` at most.
   *
   * @throws WeftError with the code of what is not proven, `not_final` before it is, `turn_accused`, `turn_void`;
   * `no_receipt`; as `verifyReceipt`
   */
  proveToken(query: ReceiptQuery & { position: number; timeoutMs?: number }): Promise<ProvenToken>;
  /** Tells of checkpoints as they are attested, become final, fall, or are lost in a reorganisation. Returns the end of it. */
  watchCheckpoints(options: WatchOptions): () => void;
};

const ASK_AGAIN_MS = 500;

/** The actions over whatever talks to the node: what viem's and ethers' users call are these. */
export function createActions(source: ChainSource, deployment: Deployment): WeftActions {
  const ledger = new Ledger(source, deployment);
  const { domain } = deployment;

  /** Confirms claims at one block. */
  async function stand<T>(
    checked: Checked<T & { claims: Claim[]; turn: Hex }>,
  ): Promise<(Standing & { value: T }) | Refused> {
    if (!checked.ok) return { status: "refused", fault: checked.fault };
    const { claims, turn } = checked.value;
    const numbers = claims.map(({ number }) => number);
    const signers = claims.map(({ signer }) => signer);
    const { value, block } = await ledger.atLatest(async (view) => ({
      facts: await view.facts(numbers, signers),
      court: await view.courtOf(turn),
    }));
    const { facts, court } = value;
    const confirmed = confirm(claims, facts);
    if (!confirmed.ok) return { status: "refused", fault: confirmed.fault };
    const { number, hash } = block;
    return {
      status: confirmed.value,
      court,
      checkpoints: facts.checkpoints,
      block: { number, hash },
      value: checked.value,
    };
  }

  function parse<T>(reader: (value: unknown) => T, value: unknown): Checked<T> {
    try {
      return { ok: true, value: reader(value) };
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return { ok: false, fault: { code: "malformed", field: error.field ?? "", message: error.message } };
    }
  }

  async function verifyReceipt(given: unknown): Promise<ReceiptVerdict> {
    const receipt = parse(parseReceipt, given);
    if (!receipt.ok) return { status: "refused", fault: receipt.fault };
    const checked = checkReceipt(receipt.value, domain);
    if (!checked.ok && checked.fault.code === "pending") return { status: "pending", fault: checked.fault };
    const stood = await stand(checked);
    if (stood.status === "refused") return stood;
    const { value, ...standing } = stood;
    return { ...standing, answer: value.answer };
  }

  async function verifyProof(given: unknown): Promise<ProofVerdict> {
    const proof = parse(parseProof, given);
    if (!proof.ok) return { status: "refused", fault: proof.fault };
    const stood = await stand(checkProof(proof.value, domain));
    if (stood.status === "refused") return stood;
    const { value, ...standing } = stood;
    const { claims, turn, snapshot } = value;
    return { ...standing, operator: claims[0].operator, turn, snapshot };
  }

  async function tryToken(query: ReceiptQuery & { position: number }): Promise<ProvenToken | Fault> {
    const receipt = await getReceipt({ ...query, count: 1 });
    const verdict = await verifyReceipt(receipt);
    if (verdict.status === "pending" || verdict.status === "refused") return verdict.fault;
    const { position } = query;
    const holder = receipt.snapshots.find(
      (one) => one.type === "tokens" && one.first <= position && position < one.first + one.tokens.length,
    );
    const proof = holder?.proof;
    const checkpoint = verdict.checkpoints.find(({ number }) => number === proof?.number);
    if (!proof || !checkpoint || verdict.answer.position !== position)
      return { code: "incomplete", field: "position", message: "the receipt is of other positions" };
    if (checkpoint.status !== "final")
      return { code: "pending", field: "status", message: `checkpoint ${proof.number} is not final yet` };
    const { turn, operator, tokens } = verdict.answer;
    if (verdict.court === "void")
      return { code: "turn_void", field: "turn", message: `a token of the turn ${turn} was proven wrong` };
    if (verdict.court === "accused")
      return { code: "turn_accused", field: "turn", message: `an accusation of the turn ${turn} is open` };
    return { proof: toStruct(proof), position, ...tokens[0], turn, operator, checkpoint };
  }

  return {
    getLatestFinal: async () => (await ledger.atLatest((view) => view.latest("latestFinal"))).value,
    getLatestAttested: async () => (await ledger.atLatest((view) => view.latest("latestAttested"))).value,
    getSuccessor: async () => (await ledger.atLatest((view) => view.successor())).value,
    async getCheckpoint(number) {
      const { value } = await ledger.atLatest((view) => view.checkpoint(number));
      if (value) return value;
      throw new WeftError("unknown_checkpoint", `there is no checkpoint ${number} on this chain`, { field: "number" });
    },
    getReceipt,
    verifyReceipt,
    verifyProof,
    async proveToken({ timeoutMs = 0, ...query }) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const found = await tryToken(query);
        if ("proof" in found) return found;
        const code = found.code === "pending" ? "not_final" : found.code;
        const waits = code === "not_final" || code === "turn_accused";
        if (!waits || Date.now() >= deadline) throw new WeftError(code, found.message, { field: found.field });
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
        query.signal?.throwIfAborted();
      }
    },
    watchCheckpoints: (options) => watchCheckpoints(ledger, deployment, options),
  };
}
