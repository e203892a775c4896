import assert from "node:assert/strict";
import { test } from "node:test";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { helloDigest, Sessions } from "../../../offchain/mesh/sessions.ts";
import { operatorAt, SEPARATOR } from "../../helpers/core.ts";

const [server, client] = [0, 1].map(operatorAt) as [ReturnType<typeof operatorAt>, ReturnType<typeof operatorAt>];

test("a proof is taken within 10 s of its nonce, and not later", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const sessions = new Sessions({ ...server, crypto, separator: SEPARATOR });
  sessions.setPeers([{ operator: client.operator, signer: client.signer.address }]);
  const clientNonce = new Uint8Array(32).fill(7);
  const hello = () => {
    const { nonce } = sessions.hello({ operator: client.operator, nonce: clientNonce });
    const serverNonce = new Uint8Array(nonce);
    const parties = { client: client.operator, server: server.operator, clientNonce, serverNonce };
    const signature = client.signer.sign(helloDigest(crypto, SEPARATOR, "client", parties));
    return () => sessions.prove({ operator: client.operator, clientNonce, serverNonce, signature });
  };
  const inTime = hello();
  t.mock.timers.tick(1);
  const late = hello();
  t.mock.timers.tick(9_999);
  assert.equal(inTime().session.length, 32);
  t.mock.timers.tick(2);
  assert.throws(late, { code: "bad_hello", message: /too old/ });
});
