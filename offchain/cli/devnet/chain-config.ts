/**
 * The development chain: a block for every transaction, and one every second besides, because views at the latest block
 * see that block's time, and finality has to arrive on a quiet chain too.
 */
export const devnetChain = {
  type: "edr-simulated",
  chainType: "l1",
  chainId: 31337,
  mining: { auto: true, interval: 1000 },
} as const;
