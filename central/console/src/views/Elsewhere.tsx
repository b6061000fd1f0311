// Says that another centre leads, with the way there.

import type { elsewhere } from "../leader";

export function Elsewhere({ leader }: { leader: NonNullable<ReturnType<typeof elsewhere>> }) {
  return (
    <>
      This centre does not lead, “{leader.name}” does. Commands are given{" "}
      {leader.address === null ? "there; its address is not known here." : <a href={`${leader.address}/${location.hash}`}>at {leader.address}</a>}
    </>
  );
}
