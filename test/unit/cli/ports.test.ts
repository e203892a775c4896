import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../../offchain/cli/devnet/ports.ts";

const MODULE = fileURLToPath(new URL("../../../offchain/cli/devnet/ports.ts", import.meta.url));

/** As many ports as another process is given, which goes on until it is told not to. */
async function elsewhere(count: number) {
  const code = `import { freePorts } from ${JSON.stringify(MODULE)};
    console.log(JSON.stringify(await freePorts(${count})));
    process.stdin.resume();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  return {
    ports: JSON.parse(String(line)) as number[],
    async end() {
      child.stdin.end();
      child.kill("SIGKILL");
      await Promise.all([once(child, "exit"), text(child.stdout)]);
    },
  };
}

test("no two processes are given the same port, though nobody listens at them yet", async () => {
  const others = await Promise.all(Array.from({ length: 4 }, () => elsewhere(40)));
  const all = [await freePorts(40), await freePorts(1), ...others.map(({ ports }) => ports)].flat();
  await Promise.all(others.map((other) => other.end()));
  assert.equal(all.length, 201);
  assert.equal(new Set(all).size, all.length);
});

test("none is one that an outgoing connection may be given", { skip: process.platform !== "linux" }, async () => {
  const file = "/proc/sys/net/ipv4/ip_local_port_range";
  const [least] = existsSync(file) ? readFileSync(file, "utf8").trim().split(/\s+/).map(Number) : [32_768];
  const ports = await freePorts(100);
  assert.ok(Math.max(...ports) < least, `${Math.max(...ports)} is not below ${least}`);

  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const outgoing = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(outgoing, "connect");
  assert.ok(outgoing.localPort! >= least);
  outgoing.destroy();
  server.close();
});

test("one at which somebody listens is not free", async () => {
  // After the last of a block stands one that is perhaps another's.
  let [port] = await freePorts(1);
  while (port % 16 === 15) [port] = await freePorts(1);
  const server = createServer().listen(port + 1, "127.0.0.1");
  await once(server, "listening");
  const ports = await freePorts(30);
  server.close();
  assert.ok(!ports.includes(port + 1));
});
