import { readFileSync } from "node:fs";
import { createPublicClient, http } from "viem";
import { loadDeployment } from "../chain/deployment-file.ts";
import { WeftError } from "../core/errors.ts";
import type { ReceiptVerdict } from "../sdk/actions.ts";
import { weftActions } from "../sdk/viem.ts";
import { oneLine } from "./report.ts";

/** What the exit code says: proven, final and not accused; not proven, void, or may change yet; nothing can be said. */
export const PROVEN = 0;
export const NOT_PROVEN = 1;
export const CANNOT_SAY = 2;

export type VerifyOptions = { rpc: string; deployment: string; json?: boolean };

/** Checks a receipt against the chain and nothing else, says what is proven, and returns the exit code. */
export async function verify(file: string, options: VerifyOptions): Promise<number> {
  const say = (text: string, value: object) =>
    process.stdout.write(`${options.json ? JSON.stringify(value, null, 2) : text}\n`);
  try {
    const deployment = loadDeployment(options.deployment);
    const client = createPublicClient({ transport: http(options.rpc, { retryCount: 1 }) });
    const verdict = await client.extend(weftActions(deployment)).verifyReceipt(readReceipt(file));
    say(describe(verdict), verdict);
    return verdict.status === "final" && verdict.court === "silent" ? PROVEN : NOT_PROVEN;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (options.json) say("", { status: "unknown", error: { code, message } });
    process.stderr.write(`weft: cannot say: ${oneLine(error)}\n`);
    return CANNOT_SAY;
  }
}

/** What is no JSON is no receipt either, which is for the verdict to say. */
function readReceipt(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new WeftError("not_found", `cannot read ${file}`, {
      field: "receipt",
      remedy: "name a receipt's file",
      cause,
    });
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const SAYS = {
  void: "void: the court of inferences has proven a token of this turn wrong",
  accused: "accused: the court of inferences has yet to decide whether a token of this turn is wrong",
};

function describe(verdict: ReceiptVerdict): string {
  if (verdict.status === "refused" || verdict.status === "pending") {
    const { code, field, message } = verdict.fault;
    return `not proven${verdict.status === "pending" ? " yet" : ""}: ${message} [${code}, field ${field}]`;
  }
  const { answer, checkpoints, status, court, block } = verdict;
  const kinds = answer.tokens.reduce(
    (sum, { kind }) => sum.set(kind, (sum.get(kind) ?? 0) + 1),
    new Map<string, number>(),
  );
  const lines = [
    status === "final" ? "proven, and final" : "attested, not final yet: it can still fall",
    ...(court === "silent" ? [] : [SAYS[court]]),
    `request     ${answer.requestId}`,
    `turn        ${answer.turn}`,
    `operator    ${answer.operator}`,
    `tokens      ${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(", ")}, from position ${answer.position}`,
    `            ${answer.tokens.map(({ token }) => token).join(" ")}`,
    `ended       ${answer.closed ? `at ${answer.closed.length} (${answer.closed.reason})` : "not in this receipt"}`,
  ];
  for (const one of checkpoints)
    lines.push(
      `checkpoint  ${one.number} ${one.hash} ${one.status}, final at ${new Date(one.finalAt * 1000).toISOString()}`,
    );
  lines.push(`seen at     block ${block.number} ${block.hash}`);
  return lines.join("\n");
}
