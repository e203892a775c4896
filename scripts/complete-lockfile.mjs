// `npm install` leaves out of the lockfile the optional packages of other platforms that it could not see, and `npm ci` then
// refuses the lockfile. Run this after changing dependencies: it adds them, with the exact version their parent names.
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
const systems = ["darwin", "linux", "win32", "android", "freebsd", "openbsd", "netbsd", "sunos", "aix", "openharmony"];
const processors = ["arm64", "x64", "ia32", "arm", "ppc64", "riscv64", "s390x", "loong64", "mips64el", "wasm32"];

/** What an entry says of the platforms that a package is for, as its name has it. */
function platformOf(name) {
  const parts = name.replace("armv7", "arm").split(/[/\-.]/);
  const os = systems.filter((system) => parts.includes(system) || (system === "win32" && parts.includes("windows")));
  const cpu = processors.filter((processor) => parts.includes(processor));
  const libc = parts.includes("musl") ? ["musl"] : parts.includes("gnu") && os.includes("linux") ? ["glibc"] : [];
  return { ...(cpu.length && { cpu }), ...(libc.length && { libc }), ...(os.length && { os }) };
}

let added = 0;
for (const [parent, entry] of Object.entries(lock.packages))
  for (const [name, version] of Object.entries(parent ? (entry.optionalDependencies ?? {}) : {})) {
    const found = [`${parent}/node_modules/${name}`, `node_modules/${name}`].some((path) => path in lock.packages);
    const platform = platformOf(name);
    if (found || Object.keys(platform).length === 0) continue;
    lock.packages[`node_modules/${name}`] = { version, ...(entry.dev && { dev: true }), optional: true, ...platform };
    added += 1;
  }
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(sorted);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`package-lock.json: ${added} packages of other platforms added\n`);
