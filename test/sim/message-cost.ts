import { Mesh } from "../../offchain/mesh/mesh.ts";
import { type Identity, identity, Member } from "../compliance/member.ts";

/**
 * What a segment costs the real mesh: CPU of its sender and its receiver together, for gRPC, framing and handlers, but for
 * nothing that the protocol does with it. One at a time, as one leaves for each of many peers: nothing shares a packet.
 */

const BODY_BYTES = 150;
const [WARM, MEASURED] = [2_000, 10_000];

let arrived = () => {};
async function start(as: Identity) {
  const { basics, handlers } = new Member(as, () => performance.now(), { segment: () => arrived() });
  const { operator, signer } = as;
  const options = {
    ...basics,
    handlers: { ...handlers, generate: async function* () {} },
    signer,
    listen: "127.0.0.1:0",
  };
  const mesh = new Mesh(options);
  const { port } = await mesh.start();
  return { mesh, peer: { operator, signer: signer.address, endpoint: `127.0.0.1:${port}` } };
}

const author = identity();
const [from, to] = [await start(author), await start(identity())];
// It seals what the mesh's own store does not have, so that nothing is sent before it is published.
const pen = new Member(author, () => 0);
const segments = Array.from({ length: WARM + MEASURED }, () => pen.seal(BODY_BYTES));
from.mesh.setPeers([to.peer]);
to.mesh.setPeers([from.peer]);

const cpuUs = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};
const send = (segment: (typeof segments)[number]) =>
  new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("a segment did not arrive")), 30_000);
    arrived = () => {
      clearTimeout(late);
      resolve();
    };
    from.mesh.publishSegment(segment);
  });
while (!to.mesh.peers().every(({ lanes }) => lanes.plot)) await new Promise((resolve) => setTimeout(resolve, 100));
for (const segment of segments.slice(0, WARM)) await send(segment);
const began = cpuUs();
for (const segment of segments.slice(WARM)) await send(segment);
const us = (cpuUs() - began) / MEASURED;
console.log(`${segments[0].length} bytes: ${us.toFixed(0)} µs of CPU for sender and receiver`);
await Promise.all([from.mesh.close(), to.mesh.close()]);
