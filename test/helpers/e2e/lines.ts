import type { Devnet, Operator } from "../../../offchain/cli/devnet.ts";
import type { Random } from "../../sim/random.ts";
import { Line } from "./line.ts";
import { kill, type Net, type NetOptions, startNet } from "./net.ts";
import { ROUTES } from "./routes.ts";

const DETOUR = new URL("detour.ts", import.meta.url).href;

/** Lines between workers, and from each worker to the chain. */
export class Lines {
  readonly #mesh = new Map<string, Line>();
  readonly #chain = new Map<number, Line>();
  /** By the worker that dials: which port stands for which. */
  readonly #routes = new Map<number, Record<string, number>>();

  static async between({ operators, chain }: Devnet, random: Random): Promise<Lines> {
    const lines = new Lines();
    const open = async (from: Operator, name: string, port: number) => {
      const line = await Line.open(`${from.index}→${name}`, port, random.fork(`${from.index}→${name}`));
      lines.#routes.set(from.index, { ...lines.#routes.get(from.index), [port]: line.port });
      return line;
    };
    for (const from of operators) {
      for (const to of operators)
        if (to !== from)
          lines.#mesh.set(`${from.index}→${to.index}`, await open(from, String(to.index), portOf(to.endpoint)));
      lines.#chain.set(from.index, await open(from, "chain", Number(new URL(chain.rpcUrl).port)));
    }
    return lines;
  }

  /** Every line on which a worker dials another. */
  get mesh(): Line[] {
    return [...this.#mesh.values()];
  }

  /** Both lines between two workers: each dials the other. */
  between(one: number, other: number): [Line, Line] {
    return [this.#mesh.get(`${one}→${other}`)!, this.#mesh.get(`${other}→${one}`)!];
  }

  chain(of: number): Line {
    return this.#chain.get(of)!;
  }

  env(of: Operator): Record<string, string> {
    const options = `${process.env["NODE_OPTIONS"] ?? ""} --import ${DETOUR}`;
    return { NODE_OPTIONS: options, [ROUTES]: JSON.stringify(this.#routes.get(of.index)) };
  }

  close(): void {
    for (const line of [...this.#mesh.values(), ...this.#chain.values()]) line.close();
  }
}

const portOf = (endpoint: string) => Number(endpoint.slice(endpoint.lastIndexOf(":") + 1));

export type LinedNet = Net & { lines: Lines };

/** Real processes, each of which reaches every other, and the chain, over a line that can be made bad. None is started yet. */
export async function startLinedNet(options: NetOptions, random: Random): Promise<LinedNet> {
  const stakes = options.stakes ?? [1000, 1000, 1000, 1000];
  const net = await startNet({ ...options, stakes, without: stakes.map((_, at) => at + 1) });
  const lines = await Lines.between(net.devnet, random);
  return {
    ...net,
    lines,
    restart: (index, env) => net.restart(index, { ...lines.env(net.operators[index - 1]), ...env }),
    async stop() {
      await Promise.all([...net.workers.values()].map(kill));
      lines.close();
      await net.stop();
    },
  };
}
