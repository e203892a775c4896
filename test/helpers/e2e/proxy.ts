import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { parse, stringify } from "yaml";
import { freePorts, type Operator } from "../../../offchain/cli/devnet.ts";

/** Sees an HTTP/2 frame on its way from server to client, and may change its payload in place. */
export type Tamper = (frame: { type: number; payload: Buffer }, connection: object) => void;

export type Between = {
  /** Drops whatever comes, either way, and takes nobody; connections stay open. */
  cut(): void;
  heal(): void;
  close(): void;
};

/** Stands at the endpoint that the registry names; the worker listens elsewhere. Before the worker starts. */
export async function putBefore(operator: Operator, tamper?: Tamper): Promise<Between> {
  const [port] = await freePorts(1);
  const config = parse(readFileSync(operator.configFile, "utf8"));
  writeFileSync(operator.configFile, stringify({ ...config, listen: `127.0.0.1:${port}` }));

  let isCut = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    const forth = (to: Socket) => (bytes: Buffer) => void (isCut || to.write(bytes));
    const back = forth(client);
    client.on("data", forth(upstream));
    upstream.on("data", tamper ? reframed((frame) => tamper(frame, client), back) : back);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(Number(operator.endpoint.split(":")[1]), "127.0.0.1");
  return {
    cut: () => {
      isCut = true;
    },
    heal: () => {
      isCut = false;
      // Bytes are missing in these connections: both ends dial anew.
      for (const socket of sockets) socket.destroy();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const HEADER = 9;

/** Cuts a byte stream into whole frames, shows each, and passes them on. */
function reframed(see: (frame: { type: number; payload: Buffer }) => void, pass: (bytes: Buffer) => void) {
  let held: Buffer = Buffer.alloc(0);
  return (bytes: Buffer) => {
    held = Buffer.concat([held, bytes]);
    while (held.length >= HEADER) {
      const end = HEADER + held.readUIntBE(0, 3);
      if (held.length < end) return;
      see({ type: held[3], payload: held.subarray(HEADER, end) });
      pass(held.subarray(0, end));
      held = held.subarray(end);
    }
  };
}
