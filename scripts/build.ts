import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { artifactPath, contractNames } from "./lib/artifacts.ts";
import { runMain } from "./lib/errors.ts";
import { paths } from "./lib/paths.ts";

/**
 * `npm run build`: what `npm pack` packs. `dist` is laid out like the repository, so that what looks for the model or the
 * artifacts finds them there as it does here.
 */
async function main(): Promise<void> {
  const dist = join(paths.root, "dist");
  rmSync(dist, { recursive: true, force: true });
  const tsc = join(paths.root, "node_modules", "typescript", "bin", "tsc");
  const compiled = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
    cwd: paths.root,
    stdio: "inherit",
  });
  if (compiled.status !== 0) throw new Error("the compiler refused the sources");
  cpSync(join(paths.root, "offchain", "cli", "weft.mjs"), join(dist, "offchain", "cli", "weft.mjs"));
  cpSync(join(paths.root, "models"), join(dist, "models"), { recursive: true });
  for (const name of contractNames) {
    const { abi, bytecode, deployedBytecode } = JSON.parse(
      readFileSync(join(paths.artifacts, artifactPath(name)), "utf8"),
    );
    const target = join(dist, "artifacts", artifactPath(name));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, JSON.stringify({ abi, bytecode, deployedBytecode }));
  }
  const { name, version, type } = JSON.parse(readFileSync(join(paths.root, "package.json"), "utf8"));
  writeFileSync(join(dist, "package.json"), JSON.stringify({ name, version, type, sideEffects: false }));
}

await runMain(main);
