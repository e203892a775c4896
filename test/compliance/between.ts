import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Stands before a port of this machine: cuts, mends and slows down the connections to it. */
export class Between {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((near) => this.#connect(near));
  #target = 0;
  #isCut = false;
  #bytesPerMs = 0;

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  lead(port: number): void {
    this.#target = port;
  }

  /** What each connection brings to whoever dialled, at most. */
  throttle(bytesPerMs: number): void {
    this.#bytesPerMs = bytesPerMs;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #connect(near: Socket): void {
    if (this.#isCut) return void near.destroy();
    const far = connect(this.#target, "127.0.0.1");
    for (const socket of [near, far]) {
      this.#sockets.add(socket.setNoDelay());
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on("data", (chunk) => {
      const hasRoom = near.write(chunk);
      const wait = this.#bytesPerMs && chunk.length / this.#bytesPerMs;
      if (hasRoom && wait === 0) return;
      far.pause();
      const resume = () => setTimeout(() => far.resume(), wait);
      if (hasRoom) resume();
      else near.once("drain", resume);
    });
  }
}
