import type { Role } from "../plan.ts";
import type { Random } from "../random.ts";
import type { Life } from "../worker.ts";
import { Liar, type Twist } from "./liar.ts";

export type { Generate, Twist } from "./liar.ts";

/** How each role lies. */
const LIARS: Partial<Record<Role, new (life: Life, random: Random) => Liar>> = {};

/** Makes a liar of one life of a worker. All chance in its lies is drawn from `random`. */
export function twist(role: Role, life: Life, random: Random): Twist {
  return new (LIARS[role] ?? Liar)(life, random);
}
