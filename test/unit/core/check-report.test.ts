import assert from "node:assert/strict";
import { test } from "node:test";
import { hashTypedData } from "viem";
import { toHex } from "../../../offchain/core/bytes.ts";
import { reportDigest, reportSigner } from "../../../offchain/core/check-report.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { DOMAIN, hashOf, operatorAt, SEPARATOR } from "../../helpers/core.ts";

const [reporter, author] = [operatorAt(1), operatorAt(2)];
const report = {
  reporter: reporter.operator,
  model: hashOf("model"),
  turn: hashOf("turn"),
  author: author.operator,
  agrees: false,
  position: 17,
  distance: 2 ** 32 - 1,
};

test("a report is typed data as wallets and libraries know it, in the ledger's domain", () => {
  const digest = hashTypedData({
    domain: { ...DOMAIN, verifyingContract: toHex(DOMAIN.verifyingContract) },
    types: {
      CheckReport: [
        { name: "reporter", type: "address" },
        { name: "model", type: "bytes32" },
        { name: "turn", type: "bytes32" },
        { name: "author", type: "address" },
        { name: "agrees", type: "bool" },
        { name: "position", type: "uint32" },
        { name: "distance", type: "uint32" },
      ],
    },
    primaryType: "CheckReport",
    message: {
      ...report,
      reporter: toHex(report.reporter),
      model: toHex(report.model),
      turn: toHex(report.turn),
      author: toHex(report.author),
    },
  });
  assert.equal(toHex(reportDigest(crypto, SEPARATOR, report)), digest);
});

test("who signed it is known, and of one in which anything is another it is somebody else", () => {
  const signature = reporter.signer.sign(reportDigest(crypto, SEPARATOR, report));
  assert.deepEqual(reportSigner(crypto, SEPARATOR, { report, signature }), reporter.signer.address);
  const others = [
    { agrees: true },
    { position: 18 },
    { distance: 1 },
    { author: reporter.operator },
    { turn: report.model },
  ];
  for (const change of others)
    assert.notDeepEqual(
      reportSigner(crypto, SEPARATOR, { report: { ...report, ...change }, signature }),
      reporter.signer.address,
    );
});
