import { type Contract, verifyTypedData, Wallet } from "ethers";
import type { Deployment } from "../../offchain/chain/deployment.ts";
import { explain } from "./errors.ts";
import { ScriptError } from "./script-error.ts";

/** As the registry numbers them. */
const STATUS = ["none", "pending", "active", "exiting", "left", "withdrawn", "convicted"] as const;
export type OperatorStatus = (typeof STATUS)[number];

export interface OperatorRecord {
  status: OperatorStatus;
  /** The key that signs now. */
  signer: string;
  /** The key that the set lists; zero outside the set. */
  listedSigner: string;
  /** In the token's smallest unit. */
  stake: bigint;
  /** Seconds of active time. */
  leftAt: bigint;
}

/** A hot key: its private key, or its address and its consent (`signConsent`) made elsewhere. */
export type HotKey = { privateKey: string } | { address: string; consent: string };

const MAX_ENDPOINT_BYTES = 255;
const CONSENT_TYPES = {
  SignerConsent: [
    { name: "operator", type: "address" },
    { name: "signer", type: "address" },
  ],
};

/** What the registry has of an owner, at a block. */
export async function operatorOf(
  registry: Contract,
  owner: string,
  blockTag: number | "latest" = "latest",
): Promise<OperatorRecord> {
  try {
    const record = await registry.getFunction("operatorOf")(owner, { blockTag });
    const { status, signer, listedSigner, stake, leftAt } = record;
    return { status: STATUS[Number(status)] as OperatorStatus, signer, listedSigner, stake, leftAt };
  } catch (error) {
    throw explain("Reading the registry", error);
  }
}

/** The hot key's consent to belong to an operator, without which the registry refuses it. */
export function signConsent(deployment: Deployment, operator: string, signer: Wallet): Promise<string> {
  return signer.signTypedData(domainOf(deployment), CONSENT_TYPES, { operator, signer: signer.address });
}

/** A hot key with its consent, which is made here where there is a private key, and checked where not. */
export async function consented(deployment: Deployment, operator: string, key: HotKey) {
  if ("privateKey" in key) {
    const wallet = new Wallet(key.privateKey);
    return { address: wallet.address, consent: await signConsent(deployment, operator, wallet) };
  }
  const message = { operator, signer: key.address };
  let by: string | undefined;
  try {
    by = verifyTypedData(domainOf(deployment), CONSENT_TYPES, message, key.consent);
  } catch {
    // Not a signature at all.
  }
  if (by?.toLowerCase() === key.address.toLowerCase()) return key;
  throw new ScriptError("BAD_ARGUMENT", `--consent is not the consent of ${key.address} to ${operator} on this chain`);
}

function domainOf({ domain, contracts }: Deployment) {
  return { ...domain, verifyingContract: contracts.operatorRegistry };
}

/** @throws ScriptError `BAD_ARGUMENT` for what peers could not dial or the registry refuses */
export function checkEndpoint(endpoint: string): string {
  const port = Number(/^[^\s/]+:(\d{1,5})$/.exec(endpoint)?.[1]);
  if (port > 0 && port < 65_536 && Buffer.byteLength(endpoint) <= MAX_ENDPOINT_BYTES) return endpoint;
  throw new ScriptError("BAD_ARGUMENT", `--endpoint "${endpoint}" is not host:port of at most 255 bytes`);
}
