import { Interface } from "ethers";
import { contractNames, loadArtifact } from "./artifacts.ts";
import { ScriptError } from "./script-error.ts";

interface EthersFault {
  code?: string;
  shortMessage?: string;
  data?: string | null;
}

/** Turns what ethers throws into a `ScriptError`, naming the contracts' custom error where there is one. */
export function explain(action: string, error: unknown): ScriptError {
  if (error instanceof ScriptError) return error;
  const fault = error as EthersFault & Error;
  if (fault.code === "INSUFFICIENT_FUNDS") {
    return new ScriptError("NO_FUNDS", `${action}: the account cannot pay for the transaction`, { cause: error });
  }
  const revert = customError(fault.data);
  const reason = revert?.text ?? fault.shortMessage ?? fault.message;
  return new ScriptError("REVERTED", `${action}: ${reason}`, { cause: error, revert: revert?.name });
}

/** A call passes reverts of the contracts that it calls on, so the data is looked up in the ABIs of all of them. */
function customError(data: string | null | undefined): { name: string; text: string } | undefined {
  if (data === null || data === undefined || data.length < 10) return undefined;
  for (const name of contractNames) {
    const parsed = new Interface(loadArtifact(name).abi).parseError(data);
    if (parsed === null) continue;
    return { name: parsed.name, text: `${parsed.name}(${[...parsed.args].map(String).join(", ")})` };
  }
  return undefined;
}

/** Runs a script's main function: one line on failure, and the exit code that says so. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    process.stderr.write(`error${typeof code === "string" ? ` ${code}` : ""}: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
