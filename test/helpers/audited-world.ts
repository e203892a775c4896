import { Audited, type Served } from "./audited.ts";
import { foundingEvents, type Keys, operatorAt, REGISTRY_GENESIS, SEPARATOR, type Sealed } from "./core.ts";
import { extend, Made } from "./made.ts";
import { protocolOf } from "./protocol.ts";

/** Four operators: the first looks at what the others commit, the last is its peer. */
export const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
export const events = foundingEvents(members);
export const REGISTRY = { registryPosition: events.length, registryHash: (events.at(-1) as (typeof events)[0]).hash };
export const genesis = new Made(
  SEPARATOR,
  undefined,
  { entries: [], segments: [] },
  { registryPosition: 0, registryHash: REGISTRY_GENESIS },
);

/** A checkpoint over more segments. */
export const make = (parent: Made, ...tracks: readonly (readonly Sealed[])[]): Made =>
  new Made(SEPARATOR, parent, extend(parent, tracks), REGISTRY);

export const audit = (served?: Served) => new Audited(protocolOf(members[0], members), members[3].operator, served);
