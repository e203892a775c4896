import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Mutant = {
  name: string;
  /** Each `find` must stand exactly once in the file, which is `file` where it names none itself. */
  file: string;
  changes: readonly { file?: string; find: string; replace: string }[];
  /** Invariants of DESIGN §7, of which one must catch it. */
  caughtBy: readonly string[];
};

const LIMIT_LINES = 5;
/** What a simulation needs of the tree. */
const PARTS = ["package.json", "offchain", "test/sim"];

/** The files that a mutant changes, as they are then. @throws Error when it does not fit the code as it is. */
export function mutated({ name, file, changes }: Mutant, read: (path: string) => string): Map<string, string> {
  const lines = changes.flatMap(({ find, replace }) =>
    replace.split("\n").filter((line) => line.trim() !== "" && !find.split("\n").includes(line)),
  ).length;
  if (lines > LIMIT_LINES) throw new Error(`${name} has ${lines} lines`);
  const files = new Map<string, string>();
  for (const { file: path = file, find, replace } of changes) {
    const text = files.get(path) ?? read(path);
    if (text.split(find).length !== 2) throw new Error(`${name}: not exactly once in ${path}: ${find}`);
    files.set(
      path,
      text.replace(find, () => replace),
    );
  }
  return files;
}

/** The tree as it is now, which mutants are planted in copies of: what is edited meanwhile is in none of them. */
export class Nursery {
  readonly #seedling: string;
  readonly #modules: string;

  constructor(root: string) {
    this.#modules = join(root, "node_modules");
    this.#seedling = copyOf(root, this.#modules);
  }

  /** A copy with the bug in it; `rmSync` it when it is done with. */
  plant(mutant: Mutant): string {
    const files = mutated(mutant, (path) => readFileSync(join(this.#seedling, path), "utf8"));
    const folder = copyOf(this.#seedling, this.#modules);
    for (const [path, text] of files) writeFileSync(join(folder, path), text);
    return folder;
  }

  close(): void {
    rmSync(this.#seedling, { recursive: true, force: true });
  }
}

function copyOf(tree: string, modules: string): string {
  const folder = mkdtempSync(join(tmpdir(), "weft-mutant-"));
  for (const part of PARTS) cpSync(join(tree, part), join(folder, part), { recursive: true });
  symlinkSync(modules, join(folder, "node_modules"));
  return folder;
}
