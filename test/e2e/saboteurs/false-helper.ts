import { inferenceCourtAbi as abi } from "../../../offchain/chain/abi.ts";
import { approveBond } from "../../../offchain/chain/bond.ts";
import { loadDeployment } from "../../../offchain/chain/deployment-file.ts";
import { moveCall } from "../../../offchain/chain/dispute-calls.ts";
import { persist } from "../../../offchain/chain/persist.ts";
import { readContract } from "../../../offchain/chain/read-contract.ts";
import { Rpc } from "../../../offchain/chain/rpc.ts";
import { Sender } from "../../../offchain/chain/sender.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { type Case, Disputes } from "../../../offchain/core/dispute.ts";
import { openKeystore } from "../../../offchain/node/keys.ts";
import { garbageRoots } from "./dispute-lies.ts";
import { config, startSaboteur, victims } from "./start.ts";

// A worker that answers for its victims whenever they are accused, at once and with roots of nothing. It waits for nobody, as
// others that answer for somebody do; so it says it over a connection of its own.

const { chainId, contracts } = loadDeployment(config.chain.deployment);
const { inferenceCourt: court, stakeToken: token } = contracts;
const { privateKey } = await openKeystore(config.keystore, config.passwordFile);
const rpc = new Rpc(config.chain.rpc);
const sender = new Sender(rpc, privateKey, chainId);

async function help(accused: Case): Promise<true | string> {
  const bond = await readContract(rpc, court, abi, "answerBond", []);
  if (await approveBond({ rpc, sender, token }, court, bond)) return "there is no bond yet";
  const data = moveCall(accused, { type: "answer", roots: garbageRoots(accused.tensors) }, []);
  const sent = await sender.send({ to: court, data });
  return sent.type === "mined" || sent.message;
}

const onFault = ({ message }: Error) => process.stderr.write(`${message}\n`);
const stubborn = { rpc, onFault, pollMs: config.chain.pollMs, maxBackoffMs: 1_000 };
let last: Promise<unknown> = Promise.resolve();
const { take } = Disputes.prototype;
Disputes.prototype.take = function (event) {
  take.call(this, event);
  if (event.kind !== "accused" || !victims.has(toHex(event.accused.operator))) return;
  const delayed = { code: "help_delayed", claim: `${event.id} is not answered yet` };
  last = last.then(() => persist(stubborn, delayed, () => help(event.accused)));
};
await startSaboteur();
