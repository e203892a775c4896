import assert from "node:assert/strict";
import { test } from "node:test";
import { HDNodeWallet } from "ethers";
import { accountKey } from "../../../offchain/cli/devnet/accounts.ts";

const PHRASE = "test test test test test test test test test test test junk";

test("accounts of development chains are those that everybody derives from the phrase", () => {
  for (const index of [0, 1, 39])
    assert.equal(accountKey(index), HDNodeWallet.fromPhrase(PHRASE, "", `m/44'/60'/0'/0/${index}`).privateKey);
});
