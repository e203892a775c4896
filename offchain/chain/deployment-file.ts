import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Deployment, DeploymentError, parseDeployment } from "./deployment.ts";

/** Reads a deployment file. */
export function loadDeployment(path: string): Deployment {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new DeploymentError("DEPLOYMENT_NOT_FOUND", path, "No deployment to read: deploy first, or name its file", {
      cause,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DeploymentError("DEPLOYMENT_NOT_JSON", path, "The deployment is not JSON", { cause });
  }
  return parseDeployment(value, path);
}

/** Reads `<folder>/<chainId>.json`, and refuses a file that is about another chain. */
export function loadDeploymentOf(chainId: number, folder: string): Deployment {
  const path = join(folder, `${chainId}.json`);
  const deployment = loadDeployment(path);
  if (deployment.chainId === chainId) return deployment;
  throw new DeploymentError(
    "DEPLOYMENT_INVALID",
    path,
    `The file is about chain ${deployment.chainId}, not ${chainId}`,
  );
}
