export type ScriptErrorCode =
  | "BAD_ARGUMENT"
  | "UNKNOWN_NETWORK"
  | "RPC_UNREACHABLE"
  | "NO_ACCOUNT"
  | "NO_FUNDS"
  | "WRONG_CHAIN"
  | "WRONG_PROFILE"
  | "DEPLOYMENT_EXISTS"
  | "RETAINS_POWER"
  | "ALREADY_JOINED"
  | "ARTIFACT_MISSING"
  | "REVERTED";

/** What a script cannot go on from, with a code for programs and a sentence for people. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
  readonly code: ScriptErrorCode;
  /** The custom error that a contract reverted with. */
  readonly revert: string | undefined;

  constructor(code: ScriptErrorCode, message: string, options?: ErrorOptions & { revert?: string | undefined }) {
    super(message, options);
    this.code = code;
    this.revert = options?.revert;
  }
}
