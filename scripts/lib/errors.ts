export type ScriptErrorCode =
  | "BAD_ARGUMENT"
  | "UNKNOWN_NETWORK"
  | "RPC_UNREACHABLE"
  | "NO_ACCOUNT"
  | "NO_FUNDS"
  | "WRONG_CHAIN"
  | "ARTIFACT_MISSING"
  | "REVERTED";

/** What a script cannot go on from, with a code for programs and a sentence for people. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
  readonly code: ScriptErrorCode;

  constructor(code: ScriptErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

interface EthersFault {
  code?: string;
  shortMessage?: string;
  revert?: { name: string; args: Iterable<unknown> } | null;
}

/** Turns what ethers throws into a `ScriptError`, naming the contract's custom error where there is one. */
export function explain(action: string, error: unknown): ScriptError {
  if (error instanceof ScriptError) return error;
  const fault = error as EthersFault & Error;
  if (fault.revert) {
    const args = [...fault.revert.args].map(String).join(", ");
    return new ScriptError("REVERTED", `${action}: ${fault.revert.name}(${args})`, { cause: error });
  }
  if (fault.code === "INSUFFICIENT_FUNDS") {
    return new ScriptError("NO_FUNDS", `${action}: the account cannot pay for the transaction`, { cause: error });
  }
  return new ScriptError("REVERTED", `${action}: ${fault.shortMessage ?? fault.message}`, { cause: error });
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
