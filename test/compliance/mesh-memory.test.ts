import { memoryNet } from "./memory-net.ts";
import { meshCompliance } from "./mesh.ts";

meshCompliance("in memory", memoryNet);
