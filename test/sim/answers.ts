import { type Bytes, equal } from "../../offchain/core/bytes.ts";
import type { GenerateEvent, GenerateOrder } from "../../offchain/core/generate.ts";
import type { SimNetwork } from "./network.ts";
import type { SimWorker, WorkerSpec } from "./worker.ts";

const ORDER_BYTES = 400;
const EVENT_BYTES = 60;

/** Orders of answers from one worker to another, over the network: what a call `Generate` is between real ones. */
export class Answers {
  readonly #network: SimNetwork;
  readonly #workers: readonly SimWorker[];

  constructor(network: SimNetwork, workers: readonly SimWorker[]) {
    this.#network = network;
    this.#workers = workers;
  }

  /** `on` is told "lost" when the connection or the author is. Calling what comes back gives the order up. */
  order(from: WorkerSpec, to: Bytes, order: GenerateOrder, on: (event: GenerateEvent | "lost") => void): () => void {
    const network = this.#network;
    const asker = this.#workers.find(({ spec }) => spec === from)?.life?.process;
    const author = this.#workers.find(({ operator }) => equal(operator, to));
    if (!asker) return () => {};
    let over = false;
    let stop = () => {};
    const end = () => {
      over = true;
      unlisten();
    };
    const lose = () => {
      if (over) return;
      end();
      stop();
      asker.enter(() => on("lost"));
    };
    const there = author?.spec.endpoint ?? "";
    const here = from.endpoint;
    // Whatever happened to the connection, what was on it is gone.
    const unlisten = network.onChange((a, b) => {
      if ((a === here && b === there) || (a === there && b === here)) lose();
    });
    if (!author || !network.isOpen(here, there)) {
      asker.after(1, lose, "order");
      return end;
    }
    const tell = (event: GenerateEvent) => {
      network.pass(there, here, "plot", EVENT_BYTES, () => asker.enter(() => over || on(event)));
    };
    network.pass(here, there, "plot", ORDER_BYTES, () => {
      const { life } = author;
      life?.process.enter(() => {
        if (over) return;
        const cancel = life.author.generate(order, tell);
        stop = () => life.process.enter(cancel);
      });
    });
    return () => {
      if (over) return;
      end();
      network.pass(here, there, "plot", EVENT_BYTES, () => stop());
    };
  }
}
