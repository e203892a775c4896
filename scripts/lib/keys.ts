import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { Wallet } from "ethers";
import { ScriptError } from "./script-error.ts";

/** The private key in an environment variable; nothing where the variable is not set. */
export function keyFrom(variable: string): string | undefined {
  const key = process.env[variable];
  if (key === undefined || key === "") return undefined;
  if (/^0x[0-9a-fA-F]{64}$/.test(key)) return key;
  throw new ScriptError("BAD_ARGUMENT", `${variable} is not a private key (0x and 64 hexadecimal digits)`);
}

/** The private key in an encrypted V3 file, if one is given, else in an environment variable; nothing where neither has one. */
export async function keyFor(
  keystore: string | undefined,
  variable?: string,
  passwordVariable = "WEFT_KEYSTORE_PASSWORD",
): Promise<string | undefined> {
  if (keystore === undefined) return variable === undefined ? undefined : keyFrom(variable);
  let json: string;
  try {
    json = readFileSync(keystore, "utf8");
  } catch (cause) {
    throw new ScriptError("BAD_KEY", `Cannot read the keystore ${keystore}; "weft key new" makes one`, { cause });
  }
  const password = process.env[passwordVariable] ?? (await askFor(`Password of ${keystore}: `, passwordVariable));
  try {
    return (await Wallet.fromEncryptedJson(json, password)).privateKey;
  } catch (cause) {
    throw new ScriptError("BAD_KEY", `${keystore} does not open with this password`, { cause });
  }
}

/** Asks at the terminal, without echo. */
async function askFor(question: string, variable: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new ScriptError("BAD_KEY", `There is nobody to ask for the password: set ${variable}`);
  }
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(question);
  try {
    return await new Promise((resolve) => terminal.question("", resolve));
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}
