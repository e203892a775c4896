import { MemoryMesh, MemoryTransport } from "../sim/mesh.ts";
import { QuietWire } from "../sim/quiet-wire.ts";
import { identity, Member } from "./member.ts";
import type { Net } from "./net.ts";

const LATEST_MS = 30_000;

export function memoryNet(): Net & { wire: QuietWire } {
  const wire = new QuietWire(1);
  const members: Member[] = [];
  let endpoints = 0;
  const nextEndpoint = () => `worker-${++endpoints}:1`;
  return {
    wire,
    async member(overrides) {
      const member = new Member(identity(), () => wire.now(), overrides);
      const endpoint = nextEndpoint();
      const signer = member.signer.address;
      const mesh = new MemoryMesh({ ...member.basics, signer, endpoint, wire });
      member.mesh = mesh;
      member.peer = { operator: member.operator, signer, endpoint };
      mesh.start();
      members.push(member);
      return member;
    },
    async rogue(as, service, admitted) {
      const endpoint = nextEndpoint();
      const proof = { operator: as.operator, signer: as.signer.address };
      const { basics } = new Member(as, () => 0);
      const transport = new MemoryTransport({ ...basics, ...proof, endpoint, wire });
      transport
        .serve(
          service,
          () => {},
          () => {},
        )
        .setPeers([admitted]);
      transport.listen();
      return { ...proof, endpoint };
    },
    now: () => wire.now(),
    pass: async (ms) => wire.run(ms),
    async until(what, holds) {
      for (const end = wire.now() + LATEST_MS; !holds(); wire.run(1))
        if (wire.now() > end) throw new Error(`waited in vain until ${what}`);
    },
    cut: ({ peer }) => wire.break(peer.endpoint),
    mend: ({ peer }) => wire.mend(peer.endpoint),
    throttle: ({ peer }, bytesPerMs) => wire.throttle(peer.endpoint, bytesPerMs),
    async close() {
      await Promise.all(members.map(({ mesh }) => mesh.close()));
    },
  };
}
