import type { Mutant } from "./plant.ts";

/** Bugs in long-term memories. */
export const MEMORY: readonly Mutant[] = [
  {
    name: "saturating add",
    file: "offchain/core/memory-row.ts",
    changes: [
      {
        find: "      sum = (sum + before[known + 1]) >>> 0;\n",
        replace: "      sum = Math.min(sum + before[known + 1], 7);\n",
      },
    ],
    caughtBy: ["S1"],
  },
  {
    name: "a trace in the order of arrival",
    file: "offchain/core/cut.ts",
    changes: [
      {
        find: "  { lessonAt }: Pick<Segments,",
        replace: "  { lessonAt, arrived }: any & Pick<Segments,",
      },
      {
        find: "  for (const segment of cut.segmentsSince(parent.cut)) {\n    const lesson",
        replace:
          "  for (const segment of [...cut.segmentsSince(parent.cut)].sort((a, b) => arrived?.(a) - arrived?.(b))) {\n    const lesson",
      },
      {
        file: "offchain/core/views.ts",
        find: "  return {\n    hashAt:",
        replace:
          "  return {\n    arrived: (key: TrackKey) => [...replica.tracks.values()].indexOf(replica.track(key) as never),\n    hashAt:",
      },
    ],
    caughtBy: ["S1", "L4", "L7"],
  },
  {
    name: "reading ahead of the checkpoint",
    file: "offchain/core/reading.ts",
    changes: [
      {
        find: "source.memoriesAt(number) : undefined;\n",
        replace: "source.memoriesAt(source.standing.at(-1) as number) : undefined;\n",
      },
    ],
    caughtBy: ["S8", "L5"],
  },
  {
    name: "counts that decay",
    file: "offchain/core/memories.ts",
    changes: [
      {
        find: "    const after = (row ?? Row.empty(columns)).addAll(cells, begins[n], begins[n + 1]);\n",
        replace:
          "    const held = row ?? Row.empty(columns);\n    const [[fading] = []] = held.total > 3 ? [...held.cells()] : [];\n    const after = (fading === undefined ? held : held.add(fading, -1)).addAll(cells, begins[n], begins[n + 1]);\n",
      },
    ],
    caughtBy: ["S1", "L4", "L7"],
  },
  {
    name: "a lesson of somebody else's turn",
    file: "offchain/core/track.ts",
    changes: [
      {
        find: "      if (!known) throw this.#unknownTurn();\n",
        replace:
          '      if (!known && snapshot.type === "learn") return;\n      if (!known) throw this.#unknownTurn();\n',
      },
    ],
    caughtBy: ["S3"],
  },
  {
    name: "learning again on takeover",
    file: "offchain/core/turn.ts",
    changes: [
      {
        find: '  if (last?.kind !== "written" || !same(last.place, draft.latest))\n',
        replace: '  if (!last || last.kind === "given" || !same(last.place, draft.latest))\n',
      },
      {
        file: "offchain/core/writing.ts",
        find: '    const learn = kind === "written" ? this.#learn : undefined;\n',
        replace: '    const learn = kind !== "given" ? this.#learn : undefined;\n',
      },
    ],
    caughtBy: ["S2"],
  },
  {
    name: "a lesson before its tokens",
    file: "offchain/core/turn.ts",
    changes: [
      {
        find: "  if (count === 0 || first < last.first || first + count > last.first + last.ids.length)\n",
        replace:
          "  if (count === 0 || (first < length && (first < last.first || first + count > last.first + last.ids.length)))\n",
      },
    ],
    caughtBy: ["S2"],
  },
  {
    name: "learnt before it is committed",
    file: "offchain/core/consensus.ts",
    changes: [
      {
        find: "    this.remember(built.checkpoint.number, built.hash, built.cut, built.memories);\n",
        replace:
          "    this.remember(built.checkpoint.number, built.hash, built.cut, built.memories);\n    latest.memories = built.memories;\n",
      },
    ],
    caughtBy: ["S1", "S8", "L4", "L7"],
  },
  {
    name: "taught by who may not teach",
    file: "offchain/core/memory-definition.ts",
    changes: [
      {
        find: "  return writers.length === 0 || writers",
        replace: "  return writers.length >= 0 || writers",
      },
    ],
    caughtBy: ["S1"],
  },
  {
    name: "another memory's place taken",
    file: "offchain/core/memories.ts",
    changes: [
      {
        find: "    const memory = there && (equal(there.id, id) || present(there)) ? there",
        replace: "    const memory = there && equal(there.id, id) ? there",
      },
    ],
    caughtBy: ["S1"],
  },
];
