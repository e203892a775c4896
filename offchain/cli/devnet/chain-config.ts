/**
 * The development chain: a block for every transaction, and one every second besides, because views at the latest block
 * see that block's time, and finality has to arrive on a quiet chain too. Blocks of one second have one time, as on many
 * chains: a second each would have its clock run ahead, by a minute after a deployment, and windows end early under load.
 */
export const devnetChain = {
  type: "edr-simulated",
  chainType: "l1",
  chainId: 31337,
  allowBlocksWithSameTimestamp: true,
  mining: { auto: true, interval: 1000 },
} as const;
