import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { build } from "vite";

/** Where it is usually installed. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** A browser on this machine: the one that is named, or one of those that are usual. */
export const browserProgram = (): string | undefined =>
  process.env["CHROMIUM"] ?? PLACES.find((path) => existsSync(path));

const PAGE = `<!doctype html><script type="module" src="./page.ts"></script>`;
const SCRIPT = `
import { JsonRpcProvider } from "ethers";
import { createPublicClient, http } from "viem";
import { parseDeployment, weftActions } from "weft/sdk";
import { weft } from "weft/sdk/ethers";
import { checkReceipt, parseReceipt } from "weft/sdk/proof";

globalThis.run = async ({ rpc, worker, requestId, position, deployment, receipt }) => {
  const at = parseDeployment(deployment);
  const viem = createPublicClient({ transport: http(rpc) }).extend(weftActions(at));
  const ethers = weft(new JsonRpcProvider(rpc), at);
  const said = [];
  for (const actions of [viem, ethers]) {
    const { token, kind } = await actions.proveToken({ urls: worker, requestId, position });
    said.push([token, kind, (await actions.verifyReceipt(receipt)).status]);
  }
  return { said, alone: checkReceipt(parseReceipt(receipt), at.domain).ok };
};
`;

export type Asked = {
  rpc: string;
  worker: string;
  requestId: string;
  position: number;
  deployment: unknown;
  receipt: unknown;
};

/** Bundles a page that uses the package installed in \`folder\`, and runs it in a real browser. */
export async function inBrowser(program: string, folder: string, asked: Asked) {
  writeFileSync(join(folder, "index.html"), PAGE);
  writeFileSync(join(folder, "page.ts"), SCRIPT);
  await build({ root: folder, logLevel: "error", configFile: false, build: { target: "es2022", outDir: "bundle" } });
  const assets = join(folder, "bundle", "assets");
  const bundle = readdirSync(assets)
    .map((name) => readFileSync(join(assets, name), "utf8"))
    .join("\n");

  const server = createServer((request, response) => {
    const file = request.url === "/" ? "index.html" : (request.url as string).slice(1);
    const type = extname(file) === ".js" ? "text/javascript" : "text/html";
    try {
      const body = readFileSync(join(folder, "bundle", file));
      response.writeHead(200, { "content-type": type }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await using browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { waitUntil: "networkidle" });
    const result = await page.evaluate(
      (given) =>
        (globalThis as unknown as { run(asked: Asked): Promise<{ said: unknown[]; alone: boolean }> }).run(given),
      asked,
    );
    return { bundle, errors, result };
  } finally {
    server.close();
  }
}
