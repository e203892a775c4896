import { type Bytes, toHex } from "../../offchain/core/bytes.ts";
import type { GenerateOrder } from "../../offchain/core/generate.ts";
import { type MemoryDefinition, memoryId } from "../../offchain/core/memory-definition.ts";
import type { Hashing } from "../../offchain/core/ports.ts";
import { GATES, type Request, requestId } from "../../offchain/core/request.ts";
import type { SimGateway, Wanted } from "./gateway.ts";
import { Violation } from "./invariants/types.ts";
import { answerTo } from "./model.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** A worker that a client may talk to. */
export type Door = { readonly gateway: SimGateway; readonly alive: () => boolean };

export type ClientsOptions = {
  scheduler: Scheduler;
  random: Random;
  hashing: Hashing;
  doors: () => readonly Door[];
  /** Mean time between two requests, in milliseconds, and the most tokens of an answer. */
  meanMs: number;
  maxLength: number;
  /** Memories that they have taught and read, how often, and what the answer is then: as far as it is known by now. */
  memory?: {
    definitions: readonly MemoryDefinition[];
    teaching: number;
    reading: number;
    next(id: Bytes, request: Request, context: readonly number[]): number | undefined;
  };
  /** Whether everybody who may have written for this request is honest: then every token is known. */
  onlyHonest: () => boolean;
};

type Conversation = { requester: Bytes; tokens: number[]; busy: boolean };
type Order = Omit<GenerateOrder, "answered" | "continues">;
type Asked = {
  conversation: Conversation;
  order: Order;
  /** What the model says, where it reads no memory. */
  expected?: number[];
  shown: number[];
  startedAt: number;
  tries: number;
};

/** After its gateway died a client asks another one, with the same fields. */
const RETRY_MS = 500;
const WATCH_MS = 250;

/** People who chat: they go on where they were, through any worker, and notice whatever should not be noticed. */
export class Clients {
  readonly #o: ClientsOptions;
  readonly #conversations: Conversation[] = [];
  readonly #open = new Set<Asked>();
  readonly #choices: Random;
  #stopped = false;
  #count = 0;
  /** Requests that were answered to their end, and tokens shown. */
  answered = 0;
  shown = 0;
  readonly failures = new Map<string, number>();

  constructor(options: ClientsOptions) {
    this.#o = options;
    this.#choices = options.random.fork("memory");
  }

  start(): void {
    const { scheduler, random, meanMs } = this.#o;
    const again = () => {
      if (this.#stopped) return;
      this.#ask();
      scheduler.after(random.exponential(meanMs), again, "client");
    };
    scheduler.after(random.exponential(meanMs), again, "client");
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Requests without an answer yet. */
  get open(): number {
    return this.#open.size;
  }

  #ask(): void {
    const { random, hashing, maxLength, scheduler } = this.#o;
    const idle = this.#conversations.filter(({ busy }) => !busy);
    let conversation = idle.length > 0 && random.chance(0.6) ? random.pick(idle) : undefined;
    if (!conversation) {
      conversation = { requester: random.bytes(32), tokens: [], busy: false };
      this.#conversations.push(conversation);
    }
    const door = this.#door();
    if (!door) return;
    const given = Array.from({ length: random.int(1, 8) }, () => random.int(1, 200));
    const prompt = [...conversation.tokens, ...given];
    const { requester } = conversation;
    const nonce = hashing.keccak256(requester, Uint8Array.of(this.#count & 255, this.#count >> 8));
    this.#count += 1;
    const most = random.int(2, maxLength);
    const order = door.gateway.request(prompt, { requester, nonce, maxLength: most, ...this.#remembers() });
    const id = requestId(hashing, order.request);
    const expected = order.request.memory ? undefined : answerTo(hashing, id, prompt.length, most);
    conversation.busy = true;
    const asked: Asked = { conversation, order, expected, shown: [], startedAt: scheduler.now, tries: 0 };
    this.#open.add(asked);
    this.#send(asked, door);
  }

  /** Whether an answer is to read a memory, and whether it is to teach one: not always the same. */
  #remembers(): Pick<Wanted, "reads" | "learn"> {
    const { memory, hashing } = this.#o;
    if (!memory) return {};
    const { definitions, teaching, reading } = memory;
    const one = () => this.#choices.pick(definitions);
    const learn = this.#choices.chance(teaching) ? one() : undefined;
    if (!this.#choices.chance(reading)) return { learn };
    const [, ...gates] = GATES;
    return { learn, reads: { id: memoryId(hashing, one()), gate: this.#choices.pick(gates) } };
  }

  #door(): Door | undefined {
    const doors = this.#o.doors().filter((door) => door.alive());
    return doors.length > 0 ? this.#o.random.pick(doors) : undefined;
  }

  #send(asked: Asked, door: Door): void {
    const { scheduler } = this.#o;
    const current = ++asked.tries;
    asked.shown = [];
    const isCurrent = () => this.#open.has(asked) && asked.tries === current;
    const watch = () => {
      if (!isCurrent()) return;
      if (door.alive()) scheduler.after(WATCH_MS, watch, "client");
      else scheduler.after(RETRY_MS, () => this.#retry(asked, current), "client");
    };
    scheduler.after(WATCH_MS, watch, "client");
    door.gateway.complete(asked.order, ({ ids, reason }) => {
      if (!isCurrent()) return;
      this.#show(asked, ids);
      if (reason) this.#end(asked, reason);
    });
  }

  #retry(asked: Asked, tried: number): void {
    if (!this.#open.has(asked) || asked.tries !== tried) return;
    const door = this.#door();
    if (door) this.#send(asked, door);
    else this.#o.scheduler.after(RETRY_MS, () => this.#retry(asked, tried), "client");
  }

  #show(asked: Asked, ids: readonly number[]): void {
    asked.shown.push(...ids);
    this.shown += ids.length;
    if (!this.#o.onlyHonest()) return;
    const { shown, expected } = asked;
    if (!expected) this.#readsRight(asked, ids.length);
    else if (shown.length > expected.length || shown.some((id, i) => id !== expected[i]))
      throw new Violation(
        "L5",
        `a client of ${toHex(asked.conversation.requester)} saw another answer than the model's`,
      );
  }

  /** The last `count` tokens are those that the memory of the checkpoint in the request makes of the model's. */
  #readsRight({ order, shown, conversation }: Asked, count: number): void {
    const { hashing, memory } = this.#o;
    const id = requestId(hashing, order.request);
    for (let at = Math.max(0, shown.length - count); at < shown.length; at++) {
      const token = memory?.next(id, order.request, [...order.prompt, ...shown.slice(0, at)]);
      if (token !== undefined && token !== shown[at])
        throw new Violation("L5", `a client of ${toHex(conversation.requester)} saw another answer than the memory's`);
    }
  }

  #end(asked: Asked, reason: string): void {
    this.#open.delete(asked);
    asked.conversation.busy = false;
    const good = reason === "end" || reason === "length" || reason === "stop";
    if (!good) {
      this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
      return;
    }
    this.answered += 1;
    if (this.#o.onlyHonest() && asked.expected && asked.shown.length !== asked.expected.length)
      throw new Violation("L5", `an answer ended after ${asked.shown.length} of ${asked.expected.length} tokens`);
    asked.conversation.tokens = [...asked.order.prompt, ...asked.shown];
  }

  /** L5: nobody waits for an answer that will not come. To be asked long after everything healed. */
  allAnswered(): void {
    const { scheduler } = this.#o;
    for (const { startedAt, tries } of this.#open)
      throw new Violation("L5", `a request has waited for ${scheduler.now - startedAt} ms, through ${tries} gateways`);
  }
}
