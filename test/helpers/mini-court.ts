import assert from "node:assert/strict";
import { type Bytes, equal } from "../../offchain/core/bytes.ts";
import { type ChainEvent, decodeChainEvent, encodeChainEvent, type Hex } from "../../offchain/core/chain.ts";
import { type Case, Disputes } from "../../offchain/core/dispute.ts";
import type { Move } from "../../offchain/core/dispute-moves.ts";
import { traceTree } from "../../offchain/core/model-trace-tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";

export const ACCUSATION: Hex = `0x${"ac".repeat(32)}`;
const ANSWER_SECONDS = 1_000;
const MOVE_SECONDS = 100;

type Body = ChainEvent extends infer E ? (E extends unknown ? Omit<E, "block" | "logIndex"> : never) : never;

/** What the inference court writes as moves are made, one a block. Proofs it believes. */
export class MiniCourt {
  readonly accused: Case;
  #events: ChainEvent[] = [];

  constructor(accused: Case) {
    this.accused = accused;
    this.#emit({ kind: "accused", id: ACCUSATION, accused, deadline: ANSWER_SECONDS });
  }

  /** As a log keeps them. */
  get events(): ChainEvent[] {
    return this.#events.map((event) => decodeChainEvent(encodeChainEvent(event)));
  }

  /** As whoever reads everything anew knows it, up to so many events. */
  read(count = this.#events.length): Disputes {
    const disputes = new Disputes();
    for (const event of this.events.slice(0, count)) disputes.take(event);
    return disputes;
  }

  /** @param by account of who says it */
  say(move: Move, by: Bytes): void {
    for (const event of this.#written(move, by)) this.#emit(event);
  }

  #written(move: Move, by: Bytes): Body[] {
    const id = ACCUSATION;
    const dispute = this.read().of(id);
    assert.ok(dispute, "the accusation is over");
    const deadline = MOVE_SECONDS * (this.#events.length + 1);
    if (move.type === "answer") {
      const isOwn = equal(by, this.accused.operator);
      const place = isOwn ? 0 : 1 + [...dispute.replies.keys()].filter((one) => one > 0).length;
      const traceRoot = traceTree(crypto, move.roots).root;
      const said = { traceRoot, answerer: by, tensorRoots: move.roots, deadline };
      return [{ kind: "replied", id, place, ...said }];
    }
    if (move.type === "proveNoPass") return [{ kind: "judged", id, judgement: "convicted" }];
    const { place } = move.at;
    const reply = dispute.replies.get(place);
    assert.ok(reply && equal(reply.traceRoot, move.at.traceRoot));
    const at = { id, place, deadline };
    switch (move.type) {
      case "demandTensor":
        assert.equal(reply.stage, "answered");
        return [{ kind: "tensorDemanded", ...at, tensor: move.tensor }];
      case "postGroups":
        assert.deepEqual([reply.stage, reply.tensor], ["tensor", move.tensor]);
        return [{ kind: "groupsPosted", ...at, tensor: move.tensor, groupRoots: move.groupRoots }];
      case "demandGroup":
        assert.equal(reply.stage, "groups");
        return [{ kind: "groupDemanded", ...at, tensor: reply.tensor as number, group: move.group }];
      case "postGroup": {
        assert.equal(reply.stage, "demanded");
        const where = { tensor: reply.tensor as number, group: reply.group as number };
        return [{ kind: "groupPosted", ...at, ...where, values: move.values }];
      }
      default:
        if (place > 0) return [{ kind: "defeated", id, place }];
        return [
          { kind: "defeated", id, place },
          { kind: "judged", id, judgement: "convicted" },
        ];
    }
  }

  /** The time of a move is over. */
  stand(place: number): void {
    this.#emit({ kind: "stood", id: ACCUSATION, place });
  }

  #emit(body: Body): void {
    this.#events.push({ ...body, block: this.#events.length, logIndex: 0 } as ChainEvent);
  }
}
