import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { InterfaceAbi } from "ethers";

type Output = {
  errors?: { severity: string; formattedMessage: string }[];
  contracts: Record<string, Record<string, { abi: InterfaceAbi; evm: { bytecode: { object: string } } }>>;
};
type Solc = {
  compile(input: string, callbacks: { import(path: string): { contents: string } | { error: string } }): string;
};

const solc = createRequire(import.meta.url)("solc") as Solc;

/** Compiles a file of a folder, with imports found as packages of that folder. @throws Error with what the compiler says */
export function compile(folder: string, file: string, contract: string): { abi: InterfaceAbi; bytecode: string } {
  const input = {
    language: "Solidity",
    sources: { [file]: { content: readFileSync(join(folder, file), "utf8") } },
    settings: {
      evmVersion: "cancun",
      optimizer: { enabled: true },
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
    },
  };
  const found = (path: string) => {
    try {
      return { contents: readFileSync(join(folder, "node_modules", path), "utf8") };
    } catch {
      return { error: `no ${path}` };
    }
  };
  const { errors = [], contracts } = JSON.parse(solc.compile(JSON.stringify(input), { import: found })) as Output;
  const faults = errors.filter(({ severity }) => severity === "error");
  if (faults.length > 0) throw new Error(faults.map(({ formattedMessage }) => formattedMessage).join("\n"));
  const { abi, evm } = contracts[file][contract];
  return { abi, bytecode: `0x${evm.bytecode.object}` };
}
