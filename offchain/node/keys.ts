import { readFileSync } from "node:fs";
import { Wallet } from "ethers";
import { fromHex } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import type { Signer } from "../core/ports.ts";
import { signerFromKey } from "../crypto/crypto.ts";

export type HotKey = { signer: Signer; privateKey: `0x${string}` };

/** Opens an encrypted V3 key file. The password comes from a file, or from WEFT_PASSWORD. */
export async function openKeystore(file: string, passwordFile: string | undefined): Promise<HotKey> {
  const fault = (message: string, field: string, remedy: string, cause?: unknown) =>
    new WeftError("bad_key", message, { field, remedy, cause });
  let json: string;
  let password = process.env["WEFT_PASSWORD"];
  try {
    json = readFileSync(file, "utf8");
  } catch (cause) {
    throw fault(`cannot read ${file}`, "keystore", "make one with: weft key new", cause);
  }
  try {
    if (passwordFile) password = readFileSync(passwordFile, "utf8").trimEnd();
  } catch (cause) {
    throw fault(`cannot read ${passwordFile}`, "passwordFile", "write the password into that file", cause);
  }
  if (password === undefined)
    throw fault(
      "the key file needs a password",
      "passwordFile",
      "set passwordFile, or WEFT_PASSWORD in the environment",
    );
  try {
    const wallet = await Wallet.fromEncryptedJson(json, password);
    const privateKey = wallet.privateKey as `0x${string}`;
    return { privateKey, signer: signerFromKey(fromHex(privateKey, 32)) };
  } catch (cause) {
    throw fault(`${file} does not open with this password`, "keystore", "check the file and the password", cause);
  }
}
