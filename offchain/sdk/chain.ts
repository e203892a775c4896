/** ABIs as constants, from which viem derives types, and the shape of `deployments/<chainId>.json`. */
export * from "../chain/abi.ts";
export * from "../chain/deployment.ts";
