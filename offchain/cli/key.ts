import { readFileSync, writeFileSync } from "node:fs";
import { encryptKeystoreJson, Wallet } from "ethers";
import { WeftError } from "../core/errors.ts";

/** Makes a hot key and writes it to an encrypted V3 file that only its owner may read. */
export async function newKey(options: { out: string; passwordFile?: string }): Promise<void> {
  const password = readPassword(options.passwordFile);
  const { address, privateKey } = Wallet.createRandom();
  const json = await encryptKeystoreJson({ address, privateKey }, password);
  try {
    writeFileSync(options.out, `${json}\n`, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === "EEXIST";
    throw new WeftError("bad_key", exists ? `${options.out} exists` : `cannot write ${options.out}`, {
      field: "out",
      remedy: exists
        ? "name a new file: a key that is overwritten is lost"
        : "name a file in a folder that you may write",
      cause,
    });
  }
  process.stdout.write(`${address}\n`);
}

function readPassword(file: string | undefined): string {
  let password = process.env["WEFT_PASSWORD"];
  try {
    if (file !== undefined) password = readFileSync(file, "utf8").trimEnd();
  } catch (cause) {
    throw new WeftError("bad_key", `cannot read ${file}`, {
      field: "password-file",
      remedy: "write the password into that file",
      cause,
    });
  }
  if (password) return password;
  throw new WeftError("bad_key", file === undefined ? "there is no password" : `${file} is empty`, {
    field: "password-file",
    remedy: "write a password into a file and name it, or set WEFT_PASSWORD",
  });
}
