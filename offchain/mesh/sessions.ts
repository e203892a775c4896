import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { type Bytes, concat, equal, utf8, Writer } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import type { Crypto, Signer } from "../core/ports.ts";
import { hex, LIMIT_CALLS, owned, plain } from "./frames.ts";
import type { HelloReply, HelloRequest, ProveReply, ProveRequest } from "./generated/mesh.ts";
import type { Peer } from "./types.ts";

/**
 * Both sides prove their registered key over fresh nonces; the client then holds a random session token for its calls.
 *
 * This says who was at the other end when the session began. The transport is plain HTTP/2: whoever can read or change the
 * traffic can take the token or alter what is not signed. Segments, evidence and attestations are signed, rows are checked
 * against signed digests, and so stay safe; beats, generation and availability need a private network, or TLS in front.
 */

export const NONCE_BYTES = 32;
const PROOF_LIFE_MS = 10_000;
const SESSIONS_PER_OPERATOR = 4;
const ROLE = { server: 1, client: 2 } as const;

type Parties = { client: Bytes; server: Bytes; clientNonce: Bytes; serverNonce: Bytes };

/** The role keeps a proof of one side from being turned against the other. */
export function helloDigest(crypto: Crypto, separator: Bytes, role: keyof typeof ROLE, parties: Parties): Bytes {
  const { client, server, clientNonce, serverNonce } = parties;
  return crypto.keccak256(
    utf8("weft hello"),
    separator,
    Uint8Array.of(ROLE[role]),
    client,
    server,
    clientNonce,
    serverNonce,
  );
}

export type Identity = { operator: Bytes; signer: Signer; crypto: Crypto; separator: Bytes };

/** The client's side. @throws WeftError `wrong_peer` when the server does not hold the key that the registry names. */
export async function openSession(
  self: Identity,
  peer: Pick<Peer, "operator" | "signer">,
  call: { hello(request: HelloRequest): Promise<HelloReply>; prove(request: ProveRequest): Promise<ProveReply> },
): Promise<Bytes> {
  const { crypto, separator } = self;
  const clientNonce = new Uint8Array(randomBytes(NONCE_BYTES));
  const reply = await call.hello({ operator: self.operator, nonce: clientNonce });
  const wrong = (why: string) => new WeftError("wrong_peer", why, { field: "endpoint" });
  if (reply.nonce.length !== NONCE_BYTES) throw wrong("the peer sent no nonce");
  if (!equal(reply.operator, peer.operator)) throw wrong("another operator answers at this endpoint");
  const parties: Parties = {
    client: self.operator,
    server: peer.operator,
    clientNonce,
    serverNonce: owned(reply.nonce),
  };
  const signer = crypto.recover(helloDigest(crypto, separator, "server", parties), plain(reply.signature));
  if (!signer || !equal(signer, peer.signer)) throw wrong("the peer does not hold the registered key");
  const { session } = await call.prove({
    operator: self.operator,
    clientNonce,
    serverNonce: parties.serverNonce,
    signature: self.signer.sign(helloDigest(crypto, separator, "client", parties)),
  });
  if (session.length !== NONCE_BYTES) throw wrong("the peer gave no session");
  return owned(session);
}

export class Session {
  readonly operator: Bytes;
  readonly token: string;
  readonly #closed = new AbortController();
  #calls = 0;

  constructor(operator: Bytes, token: string) {
    this.operator = operator;
    this.token = token;
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  close(): void {
    this.#closed.abort();
  }

  /** Takes one of the session's calls; the function returned gives it back. */
  enter(): () => void {
    if (this.#calls >= LIMIT_CALLS)
      throw new WeftError("too_many_calls", `more than ${LIMIT_CALLS} calls at once`, { remedy: "wait" });
    this.#calls++;
    return () => {
      this.#calls--;
    };
  }
}

/** The server's side. Nothing is kept for anybody who has not proven a key: the server's nonce is its own receipt. */
export class Sessions {
  readonly #self: Identity;
  readonly #secret = randomBytes(32);
  readonly #used = new Map<string, number>();
  readonly #byToken = new Map<string, Session>();
  #signers = new Map<string, Bytes>();

  constructor(self: Identity) {
    this.#self = self;
  }

  /** Ends the sessions of whoever is no longer listed, or with another key. */
  setPeers(peers: readonly Pick<Peer, "operator" | "signer">[]): void {
    const before = this.#signers;
    this.#signers = new Map(peers.map(({ operator, signer }) => [hex(operator), signer]));
    for (const session of [...this.#byToken.values()]) {
      const name = hex(session.operator);
      const signer = this.#signers.get(name);
      const known = before.get(name);
      if (!signer || !known || !equal(signer, known)) this.#drop(session);
    }
  }

  hello({ operator, nonce }: HelloRequest): HelloReply {
    if (operator.length !== 20 || nonce.length !== NONCE_BYTES)
      throw new WeftError("malformed", "an operator has 20 bytes and a nonce 32", { field: "hello" });
    this.#signerOf(operator);
    const serverNonce = this.#nonce(operator, nonce, Date.now() + PROOF_LIFE_MS);
    const { crypto, separator, signer } = this.#self;
    const digest = helloDigest(crypto, separator, "server", this.#parties(operator, nonce, serverNonce));
    return { operator: this.#self.operator, nonce: serverNonce, signature: signer.sign(digest) };
  }

  prove({ operator, clientNonce, serverNonce, signature }: ProveRequest): ProveReply {
    if (operator.length !== 20 || clientNonce.length !== NONCE_BYTES || serverNonce.length !== NONCE_BYTES)
      throw new WeftError("malformed", "an operator has 20 bytes and a nonce 32", { field: "prove" });
    const refuse = (why: string) => new WeftError("bad_hello", why, { field: "prove", remedy: "say hello again" });
    const registered = this.#signerOf(operator);
    const now = Date.now();
    const until = Number(new DataView(serverNonce.buffer, serverNonce.byteOffset).getBigUint64(0));
    if (!timingSafeEqual(this.#nonce(operator, clientNonce, until), serverNonce)) throw refuse("not a nonce of ours");
    if (until < now) throw refuse("the nonce is too old");
    const { crypto, separator } = this.#self;
    const digest = helloDigest(crypto, separator, "client", this.#parties(operator, clientNonce, serverNonce));
    const signer = crypto.recover(digest, plain(signature));
    if (!signer || !equal(signer, registered)) throw refuse("not signed by the registered key");
    for (const [used, expiry] of this.#used) if (expiry < now) this.#used.delete(used);
    const name = hex(serverNonce);
    if (this.#used.has(name)) throw refuse("the proof was used before");
    this.#used.set(name, until);
    return { session: this.#open(operator) };
  }

  find(token: Buffer | undefined): Session {
    const session = token && this.#byToken.get(token.toString("hex"));
    if (!session) throw new WeftError("no_session", "no valid session", { remedy: "say hello again" });
    return session;
  }

  close(): void {
    for (const session of [...this.#byToken.values()]) this.#drop(session);
  }

  #open(operator: Bytes): Bytes {
    const token = randomBytes(NONCE_BYTES);
    const session = new Session(owned(operator), token.toString("hex"));
    const own = [...this.#byToken.values()].filter((other) => equal(other.operator, operator));
    // The oldest goes first: it is what a crashed process left behind.
    for (const old of own.slice(0, Math.max(0, own.length - SESSIONS_PER_OPERATOR + 1))) this.#drop(old);
    this.#byToken.set(session.token, session);
    return token;
  }

  #drop(session: Session): void {
    this.#byToken.delete(session.token);
    session.close();
  }

  #signerOf(operator: Bytes): Bytes {
    const signer = this.#signers.get(hex(operator));
    if (!signer) throw new WeftError("unknown_operator", "the registry does not list this operator");
    return signer;
  }

  #parties(client: Bytes, clientNonce: Bytes, serverNonce: Bytes): Parties {
    return { client: plain(client), server: this.#self.operator, clientNonce: plain(clientNonce), serverNonce };
  }

  #nonce(operator: Bytes, clientNonce: Bytes, until: number): Bytes {
    if (!Number.isSafeInteger(until)) return new Uint8Array(NONCE_BYTES);
    const head = new Writer().u64(until).done();
    const mac = createHmac("sha256", this.#secret).update(head).update(operator).update(clientNonce).digest();
    return concat(head, mac.subarray(0, NONCE_BYTES - head.length));
  }
}
