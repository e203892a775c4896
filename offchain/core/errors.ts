/** What went wrong, as data: a stable code for programs, a sentence for people, the field at fault and what to do. */
export type ErrorDetails = { field?: string; remedy?: string; cause?: unknown };

export class WeftError extends Error {
  readonly code: string;
  readonly field?: string;
  readonly remedy?: string;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "WeftError";
    this.code = code;
    this.field = details.field;
    this.remedy = details.remedy;
  }

  toJSON() {
    return { code: this.code, message: this.message, field: this.field, remedy: this.remedy };
  }
}

/** The code of a Weft error, or `fallback` for anything else. */
export function codeOf(error: unknown, fallback = "internal"): string {
  return error instanceof WeftError ? error.code : fallback;
}

/** What `work` gives; undefined when it throws a Weft error of this code. */
export function undefinedOn<T>(code: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== code) throw error;
    return undefined;
  }
}
