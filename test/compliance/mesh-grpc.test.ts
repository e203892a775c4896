import { setTimeout as sleep } from "node:timers/promises";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { Mesh } from "../../offchain/mesh/mesh.ts";
import { MeshServer } from "../../offchain/mesh/server.ts";
import { Sessions } from "../../offchain/mesh/sessions.ts";
import { Between } from "./between.ts";
import { identity, Member, separator } from "./member.ts";
import { meshCompliance } from "./mesh.ts";
import type { Net } from "./net.ts";

const LATEST_MS = 30_000;
const LISTEN = "127.0.0.1:0";
const now = () => performance.now();

function grpcNet(): Net {
  const closing: (() => unknown)[] = [];
  const proxies = new Map<Member, Between>();
  const proxyOf = (member: Member) => proxies.get(member)!;
  return {
    async member(overrides) {
      const member = new Member(identity(), now, overrides);
      const { operator, signer, basics } = member;
      const handlers = { ...member.handlers, generate: async function* () {} };
      const mesh = new Mesh({ ...basics, handlers, signer, listen: LISTEN });
      const proxy = new Between();
      const endpoint = await proxy.listen();
      member.mesh = mesh;
      member.peer = { operator, signer: signer.address, endpoint };
      proxies.set(member, proxy);
      closing.push(
        () => mesh.close(),
        () => proxy.close(),
      );
      proxy.lead((await mesh.start()).port);
      return member;
    },
    async rogue(as, service, admitted) {
      const sessions = new Sessions({ ...as, crypto, separator });
      const server = new MeshServer(
        sessions,
        service,
        () => {},
        () => {},
      );
      server.setPeers([admitted]);
      closing.push(() => server.close());
      const port = await server.listen(LISTEN);
      return { operator: as.operator, signer: as.signer.address, endpoint: `127.0.0.1:${port}` };
    },
    now,
    pass: (ms) => sleep(ms),
    async until(what, holds) {
      for (const end = now() + LATEST_MS; !holds(); await sleep(2))
        if (now() > end) throw new Error(`waited in vain until ${what}`);
    },
    cut: (member) => proxyOf(member).cut(),
    mend: (member) => proxyOf(member).mend(),
    throttle: (member, bytesPerMs) => proxyOf(member).throttle(bytesPerMs),
    async close() {
      await Promise.all(closing.map((close) => close()));
    },
  };
}

meshCompliance("gRPC", grpcNet);
