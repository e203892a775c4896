export type ScriptErrorCode =
  | "BAD_ARGUMENT"
  | "UNKNOWN_NETWORK"
  | "RPC_UNREACHABLE"
  | "BAD_PARAMETERS"
  | "BAD_KEY"
  | "NO_ACCOUNT"
  | "NO_FUNDS"
  | "WRONG_CHAIN"
  | "WRONG_PROFILE"
  | "DEPLOYMENT_EXISTS"
  | "DEPLOYMENT_CHANGED"
  | "DEPLOYMENT_STUCK"
  | "RETAINS_POWER"
  | "TESTS_FAILED"
  | "ALREADY_JOINED"
  | "WRONG_STATUS"
  | "NOT_YET"
  | "ARTIFACT_MISSING"
  | "REVERTED";

/** What a script cannot go on from, with a code for programs and a sentence for people. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
  readonly code: ScriptErrorCode;
  /** The custom error that a contract reverted with. */
  readonly revert: string | undefined;
  /** The parameter that is wrong. */
  readonly field: string | undefined;

  constructor(
    code: ScriptErrorCode,
    message: string,
    options?: ErrorOptions & { revert?: string | undefined; field?: string },
  ) {
    super(message, options);
    this.code = code;
    this.revert = options?.revert;
    this.field = options?.field;
  }
}
