// A receipt checked by somebody who has read docs/formats.md and DESIGN §3, and none of our code: keccak and signature
// recovery are those of ethers, everything else is written down again here.
//
//   node independent.mjs <receipt.json> <rpc url> <ledger> <registry>
//
// Prints one line of JSON: what was said, or why it is not proven. Exit code 0 when it is final, else 1.
import { readFileSync } from "node:fs";
import { id, keccak256, recoverAddress } from "ethers";

const bytes = (hex) => Buffer.from(hex.slice(2), "hex");
const H = (...parts) => bytes(keccak256(Buffer.concat(parts)));
const byte = (value) => Buffer.from([value]);
const word = (value) => bytes(`0x${BigInt(value).toString(16).padStart(64, "0")}`);
const left = (hex) => bytes(hex.padEnd(66, "0"));
const type = (text) => bytes(id(text));

/** Siblings from the bottom up; bit i of the index says whether the path's node at level i is the right one. */
function climb(kind, depth, leaf, index, siblings) {
  if (siblings.length !== depth || index >= 2 ** depth) throw new Error("a proof of the wrong length");
  return siblings.reduce((node, sibling, level) => {
    const right = Math.floor(index / 2 ** level) % 2 === 1;
    return H(byte(0x80 | kind), ...(right ? [bytes(sibling), node] : [node, bytes(sibling)]));
  }, leaf);
}

function headerHash(header, chainId, ledger) {
  const domain = H(
    type("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
    type("Weft"),
    type("1"),
    word(chainId),
    word(ledger),
  );
  const struct = H(
    type(
      "Segment(address operator,bytes16 incarnation,uint64 sequence,bytes32 previous,bytes32 snapshotsRoot,uint32 snapshotCount)",
    ),
    word(header.operator),
    left(header.incarnation),
    word(header.sequence),
    bytes(header.previous),
    bytes(header.snapshotsRoot),
    word(header.snapshotCount),
  );
  return H(bytes("0x1901"), domain, struct);
}

const turnOf = ({ operator, incarnation }, sequence, index) =>
  H(
    type("Turn(bytes32 track,uint64 sequence,uint32 index)"),
    H(type("Track(address operator,bytes16 incarnation)"), word(operator), left(incarnation)),
    word(sequence),
    word(index),
  ).toString("hex");

/** Kind, turn and tokens of a snapshot's body, by the table of the formats. */
function bodyOf(hex) {
  const body = bytes(hex);
  const kind = ["", "open", "tokens", "learn", "close"][body[0]];
  if (kind === "open") return { kind, request: body.toString("hex", 1, 33) };
  const turn = body.toString("hex", 1, 33);
  if (kind === "close") return { kind, turn, request: body.toString("hex", 45, 77) };
  const count = body.readUInt32BE(114);
  if (body.length !== 118 + 4 * count) throw new Error("a body of the wrong length");
  const ids = Array.from({ length: count }, (_, i) => body.readUInt32BE(118 + 4 * i));
  return { kind, turn, first: body.readUInt32BE(45), said: ["", "given", "carried", "written"][body[49]], ids };
}

async function main([file, url, ledger, registry]) {
  const ask = async (method, params) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
    const { result, error } = await answer.json();
    if (error) throw new Error(error.message);
    return result;
  };
  const call = (to, signature, argument) => {
    const data = id(signature).slice(0, 10) + word(argument).toString("hex");
    return ask("eth_call", [{ to, data }, "latest"]);
  };
  const chainId = await ask("eth_chainId", []);
  const receipt = JSON.parse(readFileSync(file, "utf8"));
  const must = (holds, what) => {
    if (!holds) throw new Error(what);
  };
  const tokens = [];
  let track;
  let final = true;
  for (const { proof } of receipt.snapshots) {
    must(proof, "a snapshot without a proof");
    const { header } = proof;
    must(proof.snapshotIndex < header.snapshotCount, "an index beyond the snapshots");
    const leaf = H(byte(1), bytes(proof.salt), bytes(proof.body));
    const snapshots = climb(1, 8, leaf, proof.snapshotIndex, proof.snapshotProof);
    must(`0x${snapshots.toString("hex")}` === header.snapshotsRoot, "not in the segment");
    const hash = headerHash(header, chainId, ledger);
    const segments = climb(2, 16, H(byte(2), hash), proof.segmentIndex, proof.segmentProof);
    // checkpoint(uint64) gives hash, segments root, and in its eighth word whether it fell.
    const record = await call(ledger, "checkpoint(uint64)", proof.number);
    must(record.slice(66, 130) === segments.toString("hex"), "not in the checkpoint");
    must(BigInt(`0x${record.slice(2 + 7 * 64, 2 + 8 * 64)}`) === 0n, "the checkpoint fell");
    const signer = recoverAddress(`0x${hash.toString("hex")}`, proof.signature);
    const owner = await call(registry, "operatorOfSigner(address)", signer);
    must(BigInt(owner) === BigInt(header.operator), "not signed by the operator");
    final &&= BigInt(await call(ledger, "isFinal(uint64)", proof.number)) === 1n;
    track ??= header.operator + header.incarnation;
    must(track === header.operator + header.incarnation, "two tracks");
    const body = bodyOf(proof.body);
    const turn = body.kind === "open" ? turnOf(header, header.sequence, proof.snapshotIndex) : body.turn;
    must(`0x${turn}` === receipt.turn, "another turn");
    must(!body.request || `0x${body.request}` === receipt.requestId, "another request");
    for (const [i, token] of (body.ids ?? []).entries())
      tokens.push({ position: body.first + i, token, kind: body.said });
  }
  must(bodyOf(receipt.snapshots[0].proof.body).kind === "open", "no opening");
  const said = receipt.tokens.map((token, i) => {
    const found = tokens.find(({ position }) => position === receipt.position + i);
    must(found?.token === token, `another token at ${receipt.position + i}`);
    return found;
  });
  return { status: final ? "final" : "attested", turn: receipt.turn, tokens: said };
}

const result = await main(process.argv.slice(2)).catch((error) => ({ status: "refused", why: error.message }));
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exitCode = result.status === "final" ? 0 : 1;
