import { createServer, type Server } from "node:net";
import { WeftError } from "../../core/errors.ts";

/**
 * Below those that systems give to outgoing connections, from 32,768 (Linux) or 49,152 (RFC 6335, section 6) on: one of those
 * may be gone before whoever it was found for listens at it, or listens again.
 */
const FIRST = 20_000;
const BLOCK = 16;
const BLOCKS = 768;

/** The first port of each of our blocks, held until this process ends: what is left of the block is nobody else's. */
const held: Server[] = [];
/** Ports of our blocks that were given to nobody yet. */
const left: number[] = [];
let tried = 0;
const begin = Math.floor(Math.random() * BLOCKS);

/** Ports that are free now, and that no other process of ours is given as long as this one runs. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = left.shift();
    if (port === undefined) await takeBlock();
    else if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function takeBlock(): Promise<void> {
  for (; tried < BLOCKS; tried++) {
    const first = FIRST + BLOCK * ((begin + tried) % BLOCKS);
    const server = await listen(first);
    if (!server) continue;
    held.push(server.unref());
    // Two that ask at once may both have taken one: none is lost.
    left.push(...Array.from({ length: BLOCK - 1 }, (_, i) => first + 1 + i));
    return;
  }
  throw new WeftError("devnet_failed", `no port is left from ${FIRST} to ${FIRST + BLOCK * BLOCKS - 1}`, {
    remedy: "end other devnets",
  });
}

/** Undefined when somebody else does. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (!server) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}
