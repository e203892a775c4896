import type { Bytes } from "../../offchain/core/bytes.ts";
import type { WeftError } from "../../offchain/core/errors.ts";
import type { Lane } from "../../offchain/mesh/types.ts";

/** A stream or a call that somebody dialled. The object itself is its name: no two are the same one. */
export type Call = { readonly method: string; readonly lane: Lane; readonly from: string; readonly to: string };

/** Who is at an end of a call: what the handshake of a real mesh proves. */
export type Proof = { readonly operator: Bytes; readonly signer: Bytes };

/**
 * What goes over a connection. The dialler opens and cancels, the server answers: `opened` at once, any number of `data`,
 * `end`. A network that loses, repeats or reorders single packets may do so with all but `end` and `cancel`: those stand
 * for the connection itself, which TCP does not lose track of.
 */
export type Packet = {
  /** Endpoints. */
  readonly from: string;
  readonly to: string;
  readonly lane: Lane;
  readonly call: Call;
  /** Bytes on the connection. */
  readonly size: number;
  /** Frames of the call before this one: who asked for one answer sees whether it is whole. */
  readonly index?: number;
} & (
  | { readonly kind: "open"; readonly as: Proof; readonly request: Bytes }
  | { readonly kind: "opened"; readonly as: Proof }
  | { readonly kind: "data"; readonly frame: Bytes }
  | { readonly kind: "end"; readonly error?: WeftError }
  | { readonly kind: "cancel" }
);

/** What a connection adds to a message, roughly. */
const OVERHEAD_BYTES = 64;

export const sizeOf = (message?: Bytes): number => OVERHEAD_BYTES + (message?.length ?? 0);

/** The network and the time between in-memory meshes, which are named by their endpoints. */
export type Wire = {
  /** Milliseconds. */
  now(): number;
  /** Never within the call, also not for 0. The function returned cancels it. */
  after(ms: number, work: () => void): () => void;
  /** Packets to this endpoint go to `receive` until the function returned is called; `isOpen` changes with both. */
  listen(endpoint: string, receive: (packet: Packet) => void): () => void;
  /**
   * Delivers to whoever listens at `packet.to` then: never, once or more often, never within the call.
   * @param sent is called once, never within the call, when the bytes have left the sender (delivered or lost): on a full
   * lane that is late, and until then the sender counts them as its own. It need not come when the connection is gone.
   */
  carry(packet: Packet, sent: () => void): void;
  /** Both are there, and a connection between the two would stand. Symmetric. */
  isOpen(a: string, b: string): boolean;
  /** Told, in the same moment, whenever `isOpen` has changed for a pair, so also when one end is gone and back at once. */
  onChange(listener: (a: string, b: string) => void): () => void;
};
