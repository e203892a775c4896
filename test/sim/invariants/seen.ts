import { type Bytes, equal } from "../../../offchain/core/bytes.ts";
import { type NodeView, Violation } from "./types.ts";

/** What has been seen of a simulation so far, for whoever judges what is seen next. */
export class Seen {
  readonly nodes: () => readonly NodeView[];
  /** What each honest pen sealed, by track: the one story there is of it. */
  readonly sealed = new Map<string, Bytes[]>();
  /** Who has attested to what, by the checkpoint's hash. */
  readonly attested = new Map<string, Set<string>>();
  /** Since when a process has known the cuts that it knows, by the checkpoint's hash, in active seconds of the chain. */
  readonly shown = new WeakMap<object, ReadonlyMap<string, number>>();
  /** How often each check was really made. */
  readonly checked = new Map<string, number>();
  /** Owner of a key, as any fork of the chain has ever had it. To be set by whoever knows the chain. */
  keyOf: (signer: Bytes) => string | undefined = () => undefined;

  constructor(nodes: () => readonly NodeView[]) {
    this.nodes = nodes;
  }

  /** A check was really made. */
  count(invariant: string): void {
    this.checked.set(invariant, (this.checked.get(invariant) ?? 0) + 1);
  }

  /** @throws Violation */
  hold(invariant: string, holds: boolean, message: () => string): void {
    this.count(invariant);
    if (!holds) throw new Violation(invariant, message());
  }

  isHonest(operator: Bytes): boolean {
    return this.nodes().some((node) => node.honest && equal(node.operator, operator));
  }
}
