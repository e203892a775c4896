import { createHardhatRuntimeEnvironment, importUserConfig, resolveHardhatConfigPath } from "hardhat/hre";

/**
 * Hardhat as it is configured, for whoever needs its chains and not its compiler. Where it finds artifacts, every process
 * with a chain takes apart all that was ever compiled, for a second and in 400 MB: only to word a revert, which whoever
 * called reads from its data.
 */
const config = await importUserConfig(await resolveHardhatConfigPath());
export const hre = await createHardhatRuntimeEnvironment({ ...config, paths: { artifacts: "none" } });
