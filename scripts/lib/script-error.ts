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
