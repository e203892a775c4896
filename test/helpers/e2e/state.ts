import { toHex } from "../../../offchain/core/bytes.ts";
import { type Health, health, metric } from "./client.ts";
import type { Net } from "./net.ts";
import { withStore } from "./stores.ts";
import { until } from "./until.ts";

/** Waits until all workers say that they hold the same, all of it in checkpoints. Returns what one says of it. */
export async function settled(net: Net, timeoutMs = 90_000): Promise<Health> {
  let states: Health[] = [];
  let backlogs: number[] = [];
  const same = (pick: (state: Health) => unknown) => new Set(states.map(pick)).size === 1;
  try {
    await until(
      "all hold the same, and all of it is covered",
      async () => {
        states = await Promise.all(net.operators.map(({ apiUrl }) => health(apiUrl)));
        backlogs = await Promise.all(net.operators.map(({ apiUrl }) => metric(apiUrl, "weft_backlog_segments")));
        return (
          same(({ checkpoint }) => checkpoint) &&
          same(({ digest }) => digest) &&
          // Zero says that too little is held to say.
          !/^0x0*$/.test(states[0].digest) &&
          backlogs.every((backlog) => backlog === 0)
        );
      },
      timeoutMs,
    );
  } catch (cause) {
    const each = states.map(({ digest, checkpoint, peersUp, tracks }, i) =>
      [net.operators[i].name, digest.slice(0, 10), checkpoint, `${peersUp} up`, `${tracks} tracks`, backlogs[i]].join(
        " ",
      ),
    );
    throw new Error(`they never held the same: ${each.join("; ")}`, { cause });
  }
  return states[0];
}

/** What there is against anybody, in the words of every worker: nothing, unless somebody lied. */
export async function accusations(net: Net): Promise<{ convictions: number; drift: number }> {
  const sum = async (name: string, labels?: Record<string, string>) => {
    const all = await Promise.all(net.operators.map(({ apiUrl }) => metric(apiUrl, name, labels)));
    return all.reduce((one, other) => one + other, 0);
  };
  return {
    convictions: await sum("weft_convictions_total"),
    drift: await sum("weft_faults_total", { kind: "drift" }),
  };
}

/** Does this worker hold the segment that says the token at this position of the answer? */
export async function holds(url: string, requestId: string, position: number): Promise<boolean> {
  const response = await fetch(`${url}/v1/receipts/${requestId}?position=${position}`, {
    signal: AbortSignal.timeout(5_000),
  });
  return response.ok;
}

/** The head of every track, as a worker that has ended left them on its disk. */
export function headsOf(net: Net, index: number): string[] {
  return withStore(net.devnet, net.operators[index - 1], (store) =>
    store
      .heads()
      .map(({ operator, incarnation, sequence, hash }) =>
        [toHex(operator), toHex(incarnation), sequence, toHex(hash)].join(" "),
      )
      .sort(),
  );
}
