import { WeftError } from "../core/errors.ts";
import { backoff, type Rpc } from "./rpc.ts";

export type Persistence = {
  rpc: Rpc;
  onFault(fault: WeftError): void;
  pollMs: number;
  maxBackoffMs: number;
};

/**
 * Tries until there is an outcome; undefined when the worker stops before. Why it takes longer is said whenever that
 * changes. Never throws.
 *
 * @param delayed code and claim of what is said
 * @param attempt an outcome, or why to try again; what it throws is a reason too
 */
export async function persist<Outcome>(
  { rpc, onFault, pollMs, maxBackoffMs }: Persistence,
  delayed: { code: string; claim: string },
  attempt: () => Promise<Outcome | string>,
): Promise<Outcome | undefined> {
  let said = "";
  for (let tries = 0; !rpc.stopped; tries++) {
    const tried = await attempt().catch((error: unknown) => String(error));
    if (typeof tried !== "string") return tried;
    if (said !== tried && !rpc.stopped) {
      said = tried;
      onFault(
        new WeftError(delayed.code, `${delayed.claim}: ${tried}`, {
          remedy: "check the RPC endpoint and the funds of the worker's account; it is tried again by itself",
        }),
      );
    }
    await rpc.pause(backoff(pollMs, tries, maxBackoffMs));
  }
  return undefined;
}
