import { type Bytes, equal, toHex } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import type { Memories } from "../core/memories.ts";
import { type MemoryDefinition, memoryId } from "../core/memory-definition.ts";
import type { Hashing } from "../core/ports.ts";
import type { CheckpointRef } from "../core/request.ts";
import { isOwn, memoryOf } from "../core/tenancy.ts";
import type { ModelInfo } from "../inference/model.ts";
import type { MemoryNameTable, NamedMemory } from "../store/memory-names.ts";
import { checkProvable } from "./provable.ts";

/** A client's memory, with the name that the client gave it. */
export type OwnMemory = { id: Bytes; name: string; definition: MemoryDefinition };
/** How a client says which of its memories it means. */
export type Named = { name?: string | undefined; id?: Bytes | undefined };

/** Where names are kept. */
export type MemoryNames = Pick<MemoryNameTable, "all" | "put" | "drop">;

export type MemoryCatalogOptions = {
  hashing: Hashing;
  model: Pick<ModelInfo, "class" | "vocab">;
  names: MemoryNames;
  /** The latest memories that are known here. */
  view(): { checkpoint: CheckpointRef; memories: Memories } | undefined;
};

/** Beyond so many names the oldest are forgotten: what they name is found by name all the same. */
export const KEPT_NAMES = 16_384;
const LIMIT_OWN = 256;

/**
 * Which memories are whose. A memory is a client's own when its salt comes from the client's identity and the name; nothing
 * of another's is found, whatever is asked for.
 */
export class MemoryCatalog {
  readonly #o: MemoryCatalogOptions;
  /** By client, then by name; in the order in which they were made. */
  readonly #own = new Map<string, Map<string, NamedMemory>>();
  readonly #order: NamedMemory[] = [];

  constructor(options: MemoryCatalogOptions) {
    this.#o = options;
    for (const named of options.names.all()) this.#put(named);
  }

  #put(named: NamedMemory): void {
    const owner = toHex(named.requester);
    const own = this.#own.get(owner) ?? new Map<string, NamedMemory>();
    this.#own.set(owner, own.set(named.name, named));
    this.#order.push(named);
    for (const old of this.#order.splice(0, Math.max(0, this.#order.length - KEPT_NAMES))) {
      const of = this.#own.get(toHex(old.requester));
      of?.delete(old.name);
      if (of?.size === 0) this.#own.delete(toHex(old.requester));
      this.#o.names.drop(old);
    }
  }

  #told({ name, definition }: NamedMemory): OwnMemory {
    return { id: memoryId(this.#o.hashing, definition), name, definition };
  }

  /**
   * The same name again gives the same memory.
   * @throws WeftError `conflict` when the name was given to another definition, `too_large` when a client has too many,
   *   `unprovable_memory`
   */
  make(requester: Bytes, name: string, choices: Partial<Pick<MemoryDefinition, "orders" | "writers">>): OwnMemory {
    const { hashing, model, names } = this.#o;
    const definition = memoryOf(hashing, requester, name, { columns: model.vocab, ...choices });
    checkProvable(model, definition);
    const made = { requester, name, definition };
    const own = this.#own.get(toHex(requester));
    const known = own?.get(name);
    if (known && !equal(this.#told(known).id, this.#told(made).id))
      throw new WeftError("conflict", "this name was given to a memory with other orders or writers", {
        field: "name",
        remedy: "choose another name: what a memory is never changes",
      });
    if (!known) {
      if (own && own.size >= LIMIT_OWN)
        throw new WeftError("too_large", `a client has at most ${LIMIT_OWN} memories here`, { field: "name" });
      names.put(made);
      this.#put(made);
    }
    return this.#told(made);
  }

  list(requester: Bytes): OwnMemory[] {
    return [...(this.#own.get(toHex(requester))?.values() ?? [])].map((named) => this.#told(named));
  }

  /**
   * One of the client's own. A name alone is enough: one that was not made here is the memory with the usual orders that
   * everybody may teach. An id is enough where the memory was made; elsewhere it takes the name too.
   * @throws WeftError `not_found`, also of what is another's
   */
  find(requester: Bytes, { name, id }: Named): OwnMemory {
    const { hashing, model, view } = this.#o;
    const isIt = (own: OwnMemory) => id === undefined || equal(own.id, id);
    const known = this.list(requester).find((own) => isIt(own) && (name === undefined || own.name === name));
    if (known) return known;
    if (name !== undefined) {
      const usual = this.#told({
        requester,
        name,
        definition: memoryOf(hashing, requester, name, { columns: model.vocab }),
      });
      const made = this.#own.get(toHex(requester))?.has(name);
      if (isIt(usual) && !made) return usual;
      const definition = id && view()?.memories.of(id)?.definition;
      if (id && definition && isOwn(hashing, definition, requester, name)) return { id, name, definition };
    }
    throw new WeftError("not_found", "this client has no such memory here", {
      field: "memory",
      remedy: "say its name, or make it here with the same name, orders and writers",
    });
  }

  /** What has been learnt into it by the latest checkpoint known here: counts that are not zero, and that checkpoint. */
  contents(id: Bytes): { cells: number; checkpoint: CheckpointRef | undefined } {
    const latest = this.#o.view();
    let cells = 0;
    for (const [, row] of latest?.memories.of(id)?.rows.entries() ?? []) cells += row?.distinct ?? 0;
    return { cells, checkpoint: latest?.checkpoint };
  }
}
