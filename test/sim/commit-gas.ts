import { keccak256, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { activateEpoch, registerOperator } from "../../scripts/register-operator.ts";
import { type Operator, openWorld, setOf } from "../contracts/fixture.ts";
import { attest, commitCall, nextCheckpoint } from "../contracts/quorum.ts";
import { markdown } from "./quiet.ts";

/** Gas of a commit on an embedded chain, by operators: of as many signatures as are a quorum, and of all. */

const SIZES = [4, 16, 32, 64, 128];

type Commit = { operators: number; signatures: number; gas: bigint };

async function measure(operators: number): Promise<Commit[]> {
  const world = await openWorld({ maxOperators: operators });
  try {
    const { deployment, connection } = world;
    const minter = await connection.account();
    const stake = BigInt(deployment.parameters.minStake);
    const members: Operator[] = [];
    for (let i = 0; i < operators; i++) {
      const [ownerKey, hotKey] = [keccak256(toHex(`owner ${i}`)), keccak256(toHex(`hot key ${i}`))];
      const owner = await connection.account(ownerKey);
      const signer = { privateKey: hotKey };
      await registerOperator({ deployment, owner, signer, endpoint: "127.0.0.1:9000", stake, minter });
      members.push({ owner: privateKeyToAccount(ownerKey).address, signer: privateKeyToAccount(hotKey), stake });
    }
    await activateEpoch({ deployment, sender: minter });
    const commit = async (signatures: number): Promise<Commit> => {
      const changes = { cutRoot: keccak256(toHex(`cut of ${signatures}`)), segmentCount: 20, entryCount: operators };
      const checkpoint = await nextCheckpoint(world, changes);
      const signed = await attest(world, checkpoint, members.slice(0, signatures));
      const { gas } = await world.send(commitCall(world, checkpoint, setOf(members), signed));
      return { operators, signatures, gas };
    };
    const quorum = Math.floor((2 * operators) / 3) + 1;
    await commit(quorum); // the first writes where nothing was written yet
    return [await commit(quorum), await commit(operators)];
  } finally {
    await world.close();
  }
}

const rows: (string | number)[][] = [["operators", "signatures", "gas", "gas/operator"]];
for (const operators of SIZES)
  for (const { signatures, gas } of await measure(operators))
    rows.push([operators, signatures, String(gas), String(gas / BigInt(operators))]);
console.log(markdown(rows));
