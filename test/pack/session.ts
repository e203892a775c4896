import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A fenced block of a guide: a command to run, or a file to write. */
export type Block = { language: string; file?: string; text: string };

/** Blocks as they stand there; one says which file it is with `file=` behind its language. */
export function blocksOf(markdown: string): Block[] {
  const found = markdown.matchAll(/^```(\w+)(?: file=(\S+))?\n([\s\S]*?)^```$/gm);
  return [...found].map(([, language, file, text]) => ({ language, file, text }));
}

/** A shell in a folder that a reader of a guide would sit at: what one block sets, the next one has. */
export class Session {
  readonly folder: string;
  readonly #shell: ChildProcess;
  #out = "";
  #count = 0;
  #ended = false;

  constructor(folder: string) {
    this.folder = folder;
    const PATH = `${dirname(process.execPath)}:${process.env["PATH"]}`;
    this.#shell = spawn("bash", ["--norc", "-e"], {
      cwd: folder,
      env: { ...process.env, PATH, npm_config_prefer_offline: "true", npm_config_audit: "false" },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true, // with all that it starts, one group to end
    });
    for (const stream of [this.#shell.stdout, this.#shell.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#out += text;
      });
    this.#shell.on("exit", () => {
      this.#ended = true;
    });
  }

  /** Does what a block says, and returns what was printed. @throws Error when a command of it fails */
  async follow({ language, file, text }: Block): Promise<string> {
    if (file !== undefined) {
      writeFileSync(join(this.folder, file), text);
      return "";
    }
    if (language !== "sh") throw new Error(`a block of ${language} is neither a file nor a command`);
    this.#count += 1;
    const [script, done] = [join(this.folder, `.block-${this.#count}.sh`), `::done ${this.#count}\n`];
    writeFileSync(script, text);
    const from = this.#out.length;
    // From a file, so that no command reads what is to come as its input.
    this.#shell.stdin?.write(`source ${script} </dev/null; printf '${done.replace("\n", "\\n")}'\n`);
    while (!this.#out.includes(done, from)) {
      if (this.#ended) throw new Error(`this failed:\n${text}\nand said:\n${this.#out.slice(from)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return this.#out.slice(from).replace(done, "");
  }

  /** A variable as the shell has it now. */
  async read(name: string): Promise<string> {
    return (await this.follow({ language: "sh", text: `echo $${name}\n` })).trim();
  }

  /** Ends the shell and all that it started. */
  async end(): Promise<void> {
    if (this.#ended) return;
    const exit = once(this.#shell, "exit");
    process.kill(-(this.#shell.pid as number), "SIGTERM");
    this.#shell.stdin?.end();
    await exit;
  }
}
