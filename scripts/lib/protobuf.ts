import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { paths } from "./paths.ts";

/** Folders with a `.proto`, and a `buf.gen.yaml` that says what is made of it in `generated`. */
const FOLDERS = ["offchain/mesh", "offchain/inference/exact"].map((folder) => join(paths.root, folder));

export const protobufFolders = FOLDERS.map((folder) => join(folder, "generated"));

/** What buf makes of the messages, by file. @throws Error with what buf says */
export function protobufSources(): Map<string, string> {
  const bin = join(paths.root, "node_modules", ".bin");
  // The plugin is looked for in PATH.
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"]}` };
  const files = new Map<string, string>();
  for (const cwd of FOLDERS) {
    const out = mkdtempSync(join(tmpdir(), "weft-protobuf-"));
    try {
      const { status, error, stderr } = spawnSync(join(bin, "buf"), ["generate", "-o", out], { cwd, env });
      if (error) throw error;
      if (status !== 0) throw new Error(`buf generate in ${cwd}: ${stderr}`);
      for (const name of readdirSync(join(out, "generated")))
        files.set(join(cwd, "generated", name), readFileSync(join(out, "generated", name), "utf8"));
    } finally {
      rmSync(out, { recursive: true });
    }
  }
  return files;
}
