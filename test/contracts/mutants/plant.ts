import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { handMade } from "./list.ts";
import { openName, scan } from "./scan.ts";
import { applyAll, codeOf, type Mutant } from "./source.ts";

/** Block producers whose number is that of a mutant; 0 is none. */
const FIRST_COINBASE = 0x6d757400000000n;

/** Contracts that are mutated: all but tests, what tests are made of, and interfaces. Paths below contracts/. */
export function mutatedFiles(root: string): string[] {
  const tracked = execFileSync("git", ["ls-files", "contracts"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  return tracked
    .map((path) => posix.relative("contracts", path))
    .filter((path) => path.endsWith(".sol") && !path.endsWith(".t.sol") && !/^(test|interfaces)\//.test(path));
}

/** Every mutant there is, in the order of their numbers, from 1 on. */
export function allMutants(root: string): Mutant[] {
  return mutatedFiles(root).flatMap((file) => {
    const source = readFileSync(join(root, "contracts", file), "utf8");
    return [...scan(file, source), ...handMade(file, source)];
  });
}

/** The block producer that switches a mutant on; number 0: none. */
export function coinbaseOf(number: number): string {
  return `0x${(FIRST_COINBASE + BigInt(number)).toString(16).padStart(40, "0")}`;
}

/**
 * Copies the repository to `folder`, with every mutant in its contracts behind a switch. All are compiled at once; which
 * one is on is told by the address of the block producer, which nothing else here reads.
 */
export function plant(root: string, folder: string, mutants: readonly Mutant[]): void {
  mkdirSync(folder, { recursive: true });
  const tracked = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  })
    .split("\0")
    .filter(Boolean);
  for (const path of tracked) cpSync(join(root, path), join(folder, path));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "contracts/Mutants.sol"), SWITCH);
  for (const file of new Set(mutants.map((mutant) => mutant.file))) {
    const path = join(folder, "contracts", file);
    const edits = mutants.flatMap((mutant, i) =>
      mutant.file === file ? [{ ...mutant, on: `Mutants.on(${i + 1})` }] : [],
    );
    writeFileSync(path, withSwitch(file, applyAll(readFileSync(path, "utf8"), edits)));
  }
  renameSync(join(folder, "hardhat.config.ts"), join(folder, "hardhat.original.ts"));
  writeFileSync(join(folder, "hardhat.config.ts"), CONFIG);
}

function withSwitch(file: string, source: string): string {
  const path = relative(dirname(file), "Mutants.sol");
  const imported = source.replace(/^pragma .*$/m, (line) => `${line}\nimport {Mutants} from "./${path}";`);
  if (!codeOf(source).includes(openName(file))) return imported;
  const modifier = `    modifier ${openName(file)}(bool on) { if (!on) _checkCanCall(msg.sender, msg.data); _; }`;
  return imported.replace(/\}\s*$/, `${modifier}\n}\n`);
}

/** A view that passes for pure, so that pure functions can have mutants too. */
const SWITCH = `// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

library Mutants {
    function on(uint256 number) internal pure returns (bool) {
        function(uint256) internal view returns (bool) looks = _on;
        function(uint256) internal pure returns (bool) thinks;
        assembly ("memory-safe") {
            thinks := looks
        }
        return thinks(number);
    }

    function _on(uint256 number) private view returns (bool) {
        return uint160(address(block.coinbase)) == ${FIRST_COINBASE} + number;
    }
}
`;

/** Fuzzing is short and always the same: a mutant that needs luck to be found has no test. */
const CONFIG = `import original from "./hardhat.original.ts";

const coinbase = process.env.MUTANT_COINBASE;
const profile = { coinbase, fuzz: { runs: 32, seed: "0x77656674" }, invariant: { runs: 8, depth: 64, failOnRevert: true } };
export default {
  ...original,
  networks: {
    ...original.networks,
    default: { ...original.networks?.default, coinbase, allowUnlimitedContractSize: true },
  },
  test: { solidity: { profiles: { default: profile } } },
};
`;
