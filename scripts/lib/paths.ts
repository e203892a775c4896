import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Where things lie in the repository. */
export const paths = {
  root,
  artifacts: join(root, "artifacts"),
  deployments: join(root, "deployments"),
  abi: join(root, "offchain", "chain", "abi"),
};

/** True in the module that Node was started with. */
export function isMain(url: string): boolean {
  return process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(url);
}
