import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** `npm run bench` lists what is measured here, `npm run bench -- <name> [options]` measures it. */
const folder = import.meta.dirname;
/** What measures nothing itself. */
const OTHERS = ["main.ts", "float-model.ts"];
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && !OTHERS.includes(file))
  .map((file) => basename(file, ".ts"));

const [asked, ...args] = process.argv.slice(2);
if (asked === undefined) {
  for (const name of names) {
    const what = /^\/\*\* (.*) \*\/$/m.exec(readFileSync(join(folder, `${name}.ts`), "utf8"))?.[1] ?? "";
    process.stdout.write(`${name.padEnd(12)} ${what}\n`);
  }
} else if (names.includes(asked)) {
  process.exitCode =
    spawnSync(process.execPath, [join(folder, `${asked}.ts`), ...args], { stdio: "inherit" }).status ?? 1;
} else {
  process.stderr.write(`There is no bench ${asked}. There are: ${names.join(", ")}.\n`);
  process.exitCode = 2;
}
