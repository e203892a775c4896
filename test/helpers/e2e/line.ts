import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Random } from "../../sim/random.ts";

/** How bytes travel one way along a line. */
export type Conditions = {
  delayMs: number;
  /** Up to so much more, anew for every piece. */
  jitterMs: number;
  bytesPerSecond: number;
  /** Nothing arrives; what was sent arrives when it is over, as TCP sends it again. */
  isCut: boolean;
};

export const CLEAR: Conditions = {
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  isCut: false,
};

/** What is under way at most before the sender has to wait, as in a socket's buffers. */
const UNDER_WAY_BYTES = 512 * 1024;
export const DIRECTIONS = ["forth", "back"] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** One direction of a line, and the connections in it. */
class Way {
  conditions: Conditions = CLEAR;
  readonly #pipes = new Set<Pipe>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  set(conditions: Conditions): void {
    this.conditions = conditions;
    for (const pipe of this.#pipes) pipe.pump();
  }

  jitter(): number {
    return this.conditions.jitterMs * this.#random.float();
  }

  join(from: Socket, to: Socket): void {
    const pipe = new Pipe(this, from, to);
    this.#pipes.add(pipe);
    to.on("close", () => this.#pipes.delete(pipe));
  }
}

/** Carries what one socket says to another: in order, late, and not at all while the way is cut. */
class Pipe {
  readonly #way: Way;
  readonly #from: Socket;
  readonly #to: Socket;
  /** `undefined` is the end. */
  readonly #queue: { bytes: Buffer | undefined; due: number }[] = [];
  #bytes = 0;
  #free = 0;
  #isFull = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(way: Way, from: Socket, to: Socket) {
    this.#way = way;
    this.#from = from;
    this.#to = to;
    from.on("data", (bytes: Buffer) => this.#push(bytes));
    from.on("close", () => this.#push(undefined));
    to.on("drain", () => {
      this.#isFull = false;
      this.pump();
    });
    to.on("close", () => clearTimeout(this.#timer));
  }

  #push(bytes: Buffer | undefined): void {
    const { delayMs, bytesPerSecond } = this.#way.conditions;
    const length = bytes?.length ?? 0;
    const due = Math.max(this.#free, performance.now() + delayMs + this.#way.jitter());
    this.#free = due + (length / bytesPerSecond) * 1000;
    this.#queue.push({ bytes, due });
    this.#bytes += length;
    if (this.#bytes > UNDER_WAY_BYTES) this.#from.pause();
    this.pump();
  }

  pump(): void {
    clearTimeout(this.#timer);
    while (!this.#way.conditions.isCut && !this.#isFull) {
      const [next] = this.#queue;
      if (!next) break;
      const wait = next.due - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.pump(), wait);
        return;
      }
      this.#queue.shift();
      if (!next.bytes) {
        this.#to.destroySoon();
        return;
      }
      this.#bytes -= next.bytes.length;
      this.#isFull = !this.#to.write(next.bytes);
    }
    if (this.#bytes <= UNDER_WAY_BYTES) this.#from.resume();
  }
}

/**
 * Where one dials another: whatever is dialled at `port` goes on to the other's own port, under the conditions of the
 * line. `forth` is what the dialler says.
 */
export class Line {
  readonly name: string;
  readonly #ways: Record<Direction, Way>;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #isRefusing = false;

  private constructor(name: string, to: number, random: Random) {
    this.name = name;
    this.#ways = { forth: new Way(random.fork("forth")), back: new Way(random.fork("back")) };
    this.#server = createServer((client) => {
      if (this.#isRefusing) client.resetAndDestroy();
      else this.#join(client, connect(to, "127.0.0.1"));
    });
  }

  static async open(name: string, to: number, random: Random): Promise<Line> {
    const line = new Line(name, to, random);
    await once(line.#server.listen(0, "127.0.0.1"), "listening");
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #join(client: Socket, upstream: Socket): void {
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    }
    this.#ways.forth.join(client, upstream);
    this.#ways.back.join(upstream, client);
  }

  set(changes: Partial<Conditions>, directions: readonly Direction[] = DIRECTIONS): void {
    for (const name of directions) this.#ways[name].set({ ...this.#ways[name].conditions, ...changes });
  }

  /** Breaks every connection, rudely; new ones are taken. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Breaks every connection and takes no new ones, until it is told to take them again. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
    if (isRefusing) this.reset();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
