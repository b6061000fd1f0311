// Which centre leads, when several serve this page. Another one shows what it hears, and commands are for the leader.

import { fleet } from "./store";
import type { Fleet } from "./types";

/** An address as a link; one without a scheme is plain HTTP. */
export const linked = (address: string): string => (/^https?:\/\//.test(address) ? address : `http://${address}`);

/** Who leads where this centre does not: a name and, where it is known, an address. `null`: this one, or nobody. */
export function elsewhere(f: Fleet | null): { name: string; address: string | null } | null {
  if (f === null || typeof f.leader !== "string" || f.leader === "" || f.leads !== false) return null;
  const address = f.leader_address ?? null;
  return { name: f.leader, address: address === null ? null : linked(address) };
}

export const leadsElsewhere = () => elsewhere(fleet.value);
