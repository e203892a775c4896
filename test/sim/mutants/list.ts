import { FALLS } from "./falls.ts";
import { MEMORY } from "./memory.ts";
import type { Mutant } from "./plant.ts";

/**
 * Protocol bugs, planted on purpose in a copy of the code: a simulator that does not find them finds nothing. Each is at most
 * five changed lines, and names the invariants of DESIGN §7 of which one must catch it; a crash does not count.
 */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "double-applied overlap",
    file: "offchain/core/replica.ts",
    changes: [
      { find: "    if (held && equal(held, hash)) return [];\n    const fault", replace: "    const fault" },
      {
        find: "    if (signed) return this.#evidence({ a: signed, b: segment });\n",
        replace:
          '    if (signed && equal(held as Bytes, hash)) return [{ type: "persist", segment: { ...segment, header: { ...segment.header, sequence: track.sequence + 1 } }, hash }];\n    if (signed) return this.#evidence({ a: signed, b: segment });\n',
      },
    ],
    caughtBy: ["S2", "S3", "S4"],
  },
  {
    name: "applying out of order",
    file: "offchain/core/track.ts",
    changes: [
      {
        find: "    if (header.sequence !== this.sequence + 1 || !equal(header.previous, this.head))\n",
        replace: "    if (header.sequence !== this.sequence + 1)\n",
      },
      {
        find: "    if (change.sequence !== this.sequence + 1 || !equal(change.signed.header.previous, this.head))\n",
        replace: "    if (change.sequence !== this.sequence + 1)\n",
      },
      {
        file: "offchain/core/replica.ts",
        find: "    if (!equal(header.previous, track.head)) {\n",
        replace: "    if (header.sequence <= track.sequence) {\n",
      },
    ],
    caughtBy: ["S2", "S1", "L3", "S4"],
  },
  {
    name: "accepting a second head",
    file: "offchain/core/replica.ts",
    changes: [
      {
        find: "    if (signed) return this.#evidence({ a: signed, b: segment });\n",
        replace: "    if (signed) return [];\n",
      },
    ],
    caughtBy: ["L3", "L6", "S1", "L4", "L7"],
  },
  {
    name: "ignoring evidence that comes late",
    file: "offchain/core/replica.ts",
    changes: [
      {
        find: "    if (this.evidence.has(name)) return [];\n    try {",
        replace:
          "    if (this.evidence.has(name) || [...this.tracks.values()].some(({ owner }) => owner === name)) return [];\n    try {",
      },
    ],
    caughtBy: ["L3", "L4", "L6", "S1"],
  },
  {
    name: "attesting before fsync",
    file: "offchain/core/rounds.ts",
    changes: [
      {
        find: '    return { effects: [attested(verdict.built), { type: "reply", ticket, reply }], reply };',
        replace: '    return { effects: [{ type: "reply", ticket, reply }, attested(verdict.built)], reply };',
      },
    ],
    caughtBy: ["S7"],
  },
  {
    name: "attesting without holding",
    file: "offchain/core/rounds.ts",
    changes: [
      {
        find: '    if (verdict.type !== "sign") return { effects: [{ type: "reply", ticket, reply: verdict }], reply: verdict };\n',
        replace:
          '    if (verdict.type === "missing") {\n      const hash = checkpointHash(this.#o.replica.crypto, this.#o.replica.separator, proposal.checkpoint);\n      const built = { ...this.#o.consensus.latest, checkpoint: proposal.checkpoint, hash } as Built;\n      return { effects: [attested(built), { type: "reply", ticket, reply: { type: "attested", signature: this.#o.signer.sign(hash) } }], reply: verdict }; }\n    if (verdict.type !== "sign") return { effects: [{ type: "reply", ticket, reply: verdict }], reply: verdict };\n',
      },
      {
        find: 'import type { Built, Consensus } from "./consensus.ts";\n',
        replace:
          'import { checkpointHash } from "./checkpoint.ts"; import type { Built, Consensus } from "./consensus.ts";\n',
      },
    ],
    caughtBy: ["S7"],
  },
  {
    name: "a reference to something uncommitted",
    file: "offchain/core/parents.ts",
    changes: [
      {
        find: "      const committed = turn.runs.filter((run) => run.place.sequence <= entry.sequence).at(-1);\n",
        replace: "      const committed = turn.runs.at(-1);\n",
      },
    ],
    caughtBy: ["L6"],
  },
  {
    name: "pruning before finality",
    file: "offchain/core/retention.ts",
    changes: [
      {
        find: "    const { anchor } = this.#following;\n    if (anchor && anchor.number",
        replace:
          "    const { checkpoint, hash, cut } = this.#consensus.latest;\n    const anchor = cut && { number: checkpoint.number, hash, cut };\n    if (anchor && anchor.number",
      },
      {
        find: "number <= this.#following.final && at + this.#seconds < this.#following.active()",
        replace: "at <= this.#following.active()",
      },
    ],
    caughtBy: ["S7", "L3", "L2"],
  },
  {
    name: "nothing is ever forgotten",
    file: "offchain/core/retention.ts",
    changes: [
      {
        find: "    if (over.length === 0) return effects;\n",
        replace: "    if (over.length >= 0) return effects;\n",
      },
    ],
    caughtBy: ["L8"],
  },
  {
    name: "an old operator set",
    file: "offchain/core/rounds.ts",
    changes: [
      {
        find: '    const signatures = sorted.map((signed) => signed.signature);\n    return [{ type: "commit", checkpoint, set: registry.set, signatures }',
        replace:
          '    const signatures = sorted.map((signed) => signed.signature);\n    const set = replica.registryAt(Math.max(1, registry.lastSetPosition - 1))?.set ?? registry.set;\n    return [{ type: "commit", checkpoint, set, signatures }',
      },
    ],
    caughtBy: ["L4", "L7"],
  },
  {
    name: "an ended track revived",
    file: "offchain/core/cut.ts",
    changes: [
      {
        find: "      const ended = known.ended || isEnded(known.operator);\n",
        replace:
          "      const ended = isEnded(known.operator) && !byTrack.has(trackName(known)) && known.sequence % 2 === 0;\n",
      },
    ],
    caughtBy: ["S6"],
  },
  {
    name: "a stale registry position",
    file: "offchain/core/consensus.ts",
    changes: [
      {
        find: "    const built = this.#build(advances, registry);\n    return { proposal",
        replace:
          "    const built = this.#build(advances, this.#replica.registryAt(Math.max(this.latest.checkpoint.registryPosition, 1)) ?? registry);\n    return { proposal",
      },
      {
        find: "    if (checkpoint.registryPosition < floor) return",
        replace: "    if (checkpoint.registryPosition < floor - 1000) return",
      },
    ],
    caughtBy: ["L4", "L7"],
  },
  {
    name: "trusting a relayer's frontier",
    file: "offchain/core/repairing.ts",
    changes: [
      {
        find: "    if (!areSigned(replica, got)) return fault",
        replace: "    if (got.length === 0) return fault",
      },
      {
        find: "    if (to !== entry.sequence || !equal(got[got.length - 1].hash, entry.head))\n",
        replace: "    if (to !== entry.sequence)\n",
      },
      {
        file: "offchain/core/fetching.ts",
        find: "this.#o.take(peer, sized, now)",
        replace:
          'this.#o.step({ type: "restore", segment: sized.segment, hash: headerHash(this.#o.replica.crypto, this.#o.replica.separator, sized.segment.header) }, now)',
      },
    ],
    caughtBy: ["S2", "S3", "S4", "L3", "S1"],
  },
  {
    name: "counting an operator's stake twice",
    file: "offchain/core/holdings.ts",
    changes: [
      {
        find: "      held.push({ sequence: Math.min(head.sequence, track.sequence), stake });\n",
        replace: "      held.push({ sequence: Math.min(head.sequence, track.sequence), stake: 2n * stake });\n",
      },
    ],
    caughtBy: ["S5"],
  },
  {
    name: "forgetting the chain's reorg",
    file: "offchain/core/following.ts",
    changes: [
      {
        find: '    if (type === "reorg") {\n      this.#replica.resetRegistry();',
        replace:
          '    if (type === "reorg") return [];\n    if (type === "reorg") {\n      this.#replica.resetRegistry();',
      },
      {
        find: "    for (const event of events) this.#take(event);\n",
        replace: "    for (const event of events) try { this.#take(event); } catch {}\n",
      },
    ],
    caughtBy: ["S6", "S11", "L3"],
  },
  {
    name: "a proposal that drops a track",
    file: "offchain/core/consensus.ts",
    changes: [
      {
        find: "      if (without.has(track.name)) continue;\n",
        replace: '      if (without.has(track.name) || track.name.endsWith("7")) continue;\n',
      },
    ],
    caughtBy: ["L4", "L7"],
  },
  {
    name: "a writer that waits",
    file: "offchain/core/protocol.ts",
    changes: [
      {
        find: '    const effects = this.#replicaStep({ type: "restore", segment, hash: segment.hash }, now);\n',
        replace:
          '    if (this.#up.size === 0 && this.following.reachable().length > 1) return [];\n    const effects = this.#replicaStep({ type: "restore", segment, hash: segment.hash }, now);\n',
      },
    ],
    caughtBy: ["L1"],
  },
  {
    name: "a beat that starves behind rows",
    file: "offchain/mesh/frames.ts",
    changes: [{ find: '  pager: "pager",\n  cut', replace: '  pager: "rows",\n  cut' }],
    caughtBy: ["L2"],
  },
  {
    name: "believing who did not sign",
    file: "offchain/core/replica.ts",
    changes: [
      {
        find: "    if (!signer || !this.registry.entitles(header.operator, signer))\n",
        replace: "    if (!signer)\n",
      },
    ],
    caughtBy: ["S3", "S9", "S4"],
  },
  {
    name: "a restart that counts as a contradiction",
    file: "offchain/core/evidence.ts",
    changes: [
      {
        find: "  if (!equal(a.header.operator, b.header.operator) || !equal(a.header.incarnation, b.header.incarnation))\n",
        replace: "  if (!equal(a.header.operator, b.header.operator))\n",
      },
      {
        file: "offchain/core/replica.ts",
        find: "    if (header.sequence > track.sequence + 1) return this.#gap(",
        replace:
          "    const other = [...this.tracks.values()].find((one) => one !== track && equal(one.key.operator, header.operator))?.signedAt(header.sequence);\n    if (other) return this.#evidence({ a: other, b: segment });\n    if (header.sequence > track.sequence + 1) return this.#gap(",
      },
    ],
    caughtBy: ["S9"],
  },
  {
    name: "a quorum by heads, not by stake",
    file: "offchain/core/rounds.ts",
    changes: [
      {
        find: "    if (!registry.isQuorum(round.stake)) return [];\n",
        replace: "    if (round.signatures.size * 2 <= registry.set.length) return [];\n",
      },
    ],
    caughtBy: ["L4", "L7"],
  },
  {
    name: "evidence that is not passed on",
    file: "offchain/core/protocol.ts",
    changes: [
      {
        find: '        return [{ type: "spread", evidence: effect.evidence }, ...this.#pursue()];\n',
        replace: "        return this.#pursue();\n",
      },
    ],
    caughtBy: ["L3", "L6", "S1"],
  },
  ...FALLS,
  ...MEMORY,
];
