import type { Life } from "../life.ts";
import type { Role } from "../plan.ts";
import type { Random } from "../random.ts";
import { FalseAttester } from "./attester.ts";
import { FalseBeats } from "./beats.ts";
import { Censor } from "./censor.ts";
import { Equivocator, Forker } from "./equivocation.ts";
import { FalseRows } from "./false-rows.ts";
import { FalseTeacher } from "./false-teacher.ts";
import { Flooder } from "./flooder.ts";
import { Forger } from "./forger.ts";
import { Garbage } from "./garbage.ts";
import { Impostor } from "./impostor.ts";
import { InvalidSegments } from "./invalid.ts";
import { Liar, type Twist } from "./liar.ts";
import { Withholder } from "./withholder.ts";

export type { Generate, Twist } from "./liar.ts";

const LIARS: Readonly<Record<Role, new (life: Life, random: Random) => Liar>> = {
  honest: Liar,
  equivocator: Equivocator,
  forker: Forker,
  "false-beats": FalseBeats,
  "false-attester": FalseAttester,
  withholder: Withholder,
  flooder: Flooder,
  garbage: Garbage,
  censor: Censor,
  "invalid-segments": InvalidSegments,
  "false-rows": FalseRows,
  forger: Forger,
  impostor: Impostor,
  "false-teacher": FalseTeacher,
};

/** Makes a liar of one life of a worker. All chance in its lies is drawn from `random`. */
export function twist(role: Role, life: Life, random: Random): Twist {
  return new LIARS[role](life, random);
}
