/** EIP-712 types as contracts and wallets see them, written down apart from core. */
type Field = { name: string; type: string };

const fields = (text: string): Field[] =>
  text.split(",").map((field) => {
    const [type, name] = field.split(" ") as [string, string];
    return { name, type };
  });

export const words = (type: readonly Field[]): string => type.map(({ name, type }) => `${type} ${name}`).join(",");

export const HEADER_TYPE = fields(
  "address operator,bytes16 incarnation,uint64 sequence,bytes32 previous,bytes32 snapshotsRoot,uint32 snapshotCount",
);
export const CHECKPOINT_TYPE = fields(
  "uint64 number,bytes32 parent,uint64 registryPosition,bytes32 registryHash,bytes32 cutRoot,uint32 entryCount," +
    "bytes32 segmentsRoot,uint32 segmentCount,bytes32 memoryRoot,bytes32 memoryTraceRoot",
);
export const REQUEST_TYPE = fields(
  "bytes32 requester,bytes32 nonce,bytes32 model,bytes32 contextBefore,uint32 lengthBefore,bytes32 contextAfter," +
    "uint32 lengthAfter,bytes32 parameters,uint32 maxLength,bytes32 memoryId,uint64 memoryCheckpoint," +
    "bytes32 memoryCheckpointHash,uint8 gate",
);

export const DOMAIN_TYPE = fields("string name,string version,uint256 chainId,address verifyingContract");

export const TYPES: Record<string, Field[]> = { Segment: HEADER_TYPE, Checkpoint: CHECKPOINT_TYPE };
