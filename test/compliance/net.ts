import type { Service } from "../../offchain/mesh/transport.ts";
import type { Peer, PeerHandlers } from "../../offchain/mesh/types.ts";
import type { Identity, Member } from "./member.ts";

/** Workers on one kind of mesh, and what a test does to the connections between them. */
export type Net = {
  /** A member whose mesh is started; its peers are not set. */
  member(overrides?: Partial<PeerHandlers>): Promise<Member>;
  /** A server that says what it likes to `admitted`. */
  rogue(as: Identity, service: Service, admitted: Peer): Promise<Peer>;
  /** Milliseconds. */
  now(): number;
  /** Lets time pass: to see that something does not happen, never to wait for what shall. */
  pass(ms: number): Promise<void>;
  /** At most 30 seconds. */
  until(what: string, holds: () => boolean): Promise<void>;
  /** Breaks the connections to a member, until they are mended. */
  cut(member: Member): void;
  mend(member: Member): void;
  /** How much each connection to a member brings from it. Before anybody connects. */
  throttle(member: Member, bytesPerMs: number): void;
  close(): Promise<void>;
};

/** Everybody knows everybody, and every lane is open. */
export async function connected(net: Net, ...members: Member[]): Promise<void> {
  for (const { mesh } of members) mesh.setPeers(members.map(({ peer }) => peer));
  await net.until("all lanes are open", () => members.every(areLanesOpen));
}

export const areLanesOpen = ({ mesh }: Member): boolean =>
  mesh.peers().every(({ up, lanes }) => up && lanes.pager && lanes.plot && lanes.rows);
