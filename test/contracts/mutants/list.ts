import { courts } from "./list/courts.ts";
import { cuts } from "./list/cuts.ts";
import { examples } from "./list/examples.ts";
import { formats } from "./list/formats.ts";
import { inference } from "./list/inference.ts";
import { ledger } from "./list/ledger.ts";
import { registry } from "./list/registry.ts";
import { snapshots } from "./list/snapshots.ts";
import type { Mutant } from "./source.ts";

/** A bug as somebody could write it: what stands in the file exactly once, what instead, and the test that fails then. */
export interface Patch {
  name: string;
  /** An expression, or, where it ends in a semicolon, statements that declare nothing. */
  before: string;
  after: string;
  test: string;
}

/** By file, below contracts/. */
export type Patches = Readonly<Record<string, readonly Patch[]>>;

export const PATCHES: Patches = {
  ...registry,
  ...ledger,
  ...courts,
  ...cuts,
  ...inference,
  ...formats,
  ...snapshots,
  ...examples,
};

/** The patches of one file, as mutants. */
export function handMade(file: string, source: string): Mutant[] {
  return (PATCHES[file] ?? []).map(({ name, before, after, test }) => {
    const start = source.indexOf(before);
    if (start < 0 || source.indexOf(before, start + 1) >= 0)
      throw new Error(`${file}: what "${name}" replaces must stand there exactly once`);
    const statements = before.endsWith(";");
    return {
      name,
      file,
      test,
      start,
      end: start + before.length,
      render: (on, inner) =>
        statements ? `if (${on}) { ${after} } else { ${inner} }` : `(${on} ? ${after} : ${inner})`,
    };
  });
}

/** Mutants that no test can see, by name, each with the reason. At most five. */
export const UNSEEN: Readonly<Record<string, string>> = {
  "WeftTree.verify without: root == 0": "no path hashes to zero, so the comparison at the end says no too",
  "ContextTree.verifyRange without: root == 0": "no path hashes to zero, so the comparison at the end says no too",
  'Examiner._requireToken deleted: _require(position < accused.position, "token");':
    "what stands in the element's place was read before, and no tensor reaches beyond the context",
  "ModelReader.readOp deleted: cursor.bad": "what is out of bounds is read as the least, and refused at the leaf's end",
  "a row is of any depth":
    "a path of another length does not lead to the row's root, so the comparison beside it says no too",
};
