import { encodeFunctionData } from "viem";
import type { Opening } from "../core/availability.ts";
import { toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import type { CutEntry } from "../core/cut.ts";
import { availabilityCourtAbi as abi } from "./abi.ts";
import { headerStruct } from "./convert.ts";

/** As contracts take it. */
export function entryStruct({ operator, incarnation, sequence, head, ended, first }: CutEntry) {
  return {
    operator: toHex(operator),
    incarnation: toHex(incarnation),
    sequence: BigInt(sequence),
    head: toHex(head),
    ended,
    first,
  };
}

/** The call that answers a challenge with what stands in the place that it names. */
export function answerData(id: Hex, opening: Opening): Hex {
  switch (opening.kind) {
    case "entry": {
      const args = [id, entryStruct(opening.entry), opening.proof.map(toHex)] as const;
      return encodeFunctionData({ abi, functionName: "answerEntry", args });
    }
    case "segment": {
      const { header, signature, proof } = opening;
      const args = [id, headerStruct(header), toHex(signature), proof.map(toHex)] as const;
      return encodeFunctionData({ abi, functionName: "answerSegment", args });
    }
    case "trace": {
      const args = [id, toHex(opening.memoryRoot), opening.proof.map(toHex)] as const;
      return encodeFunctionData({ abi, functionName: "answerTrace", args });
    }
    case "snapshot": {
      const { salt, body, proof } = opening;
      const args = [id, toHex(salt), toHex(body), proof.map(toHex)] as const;
      return encodeFunctionData({ abi, functionName: "answerSnapshot", args });
    }
    case "context":
      return encodeFunctionData({ abi, functionName: "answerContext", args: [id, opening.peaks.map(toHex)] });
    case "memory": {
      const args = [id, toHex(opening.id), toHex(opening.rowsRoot), opening.proof.map(toHex)] as const;
      return encodeFunctionData({ abi, functionName: "answerMemory", args });
    }
    case "row": {
      const { root, total, distinct, proof } = opening;
      const args = [id, toHex(root), BigInt(total), distinct, proof.map(toHex)] as const;
      return encodeFunctionData({ abi, functionName: "answerRow", args });
    }
    case "tile": {
      const siblings = opening.siblings.map(({ hash, total, distinct }) => ({
        hash: toHex(hash),
        total: BigInt(total),
        distinct,
      }));
      return encodeFunctionData({ abi, functionName: "answerTile", args: [id, toHex(opening.cells), siblings] });
    }
  }
}
