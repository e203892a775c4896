import type { Mutant } from "./plant.ts";

/** Bugs in what follows from falls, disputes and pauses. */
export const FALLS: readonly Mutant[] = [
  {
    name: "forgetting the fall",
    file: "offchain/core/checkpoints.ts",
    changes: [
      { find: "    this.#standing.length = kept;\n", replace: "    if (kept < 1) this.#standing.length = kept;\n" },
    ],
    caughtBy: ["S6", "S11", "L4", "L7"],
  },
  {
    name: "only the fallen one falls",
    file: "offchain/core/checkpoints.ts",
    changes: [
      {
        find: "    this.#standing.length = kept;\n",
        replace: "    this.#standing.splice(kept, 1);\n",
      },
    ],
    caughtBy: ["S6", "L4", "L7"],
  },
  {
    name: "counting paused time",
    file: "offchain/core/following.ts",
    changes: [
      {
        find: "    return this.#clock.active(time);\n",
        replace: "    return time;\n",
      },
    ],
    caughtBy: ["S6", "S7"],
  },
  {
    name: "final although it is disputed",
    file: "offchain/core/following.ts",
    changes: [
      {
        find: "      if (this.#disputes.has(standing[i]) || at === undefined || at > now) return;\n",
        replace: "      if (at === undefined || at > now) return;\n",
      },
    ],
    caughtBy: ["S6"],
  },
  {
    name: "a fallen parent",
    file: "offchain/core/consensus.ts",
    changes: [
      {
        find: "    const parent = this.latest;\n    const memories",
        replace: "    const parent = this.committed(this.next - 1) as Committed;\n    const memories",
      },
      {
        find: "    if (checkpoint.number !== this.next || !equal(checkpoint.parent, latest.hash))\n",
        replace: "    if (checkpoint.number !== this.next)\n",
      },
    ],
    caughtBy: ["L4", "L7"],
  },
];
