// Says why something of the dispatch view is not there.

import type { Lack } from "../follower";
import { linked } from "../leader";

/** Why something is not there, with the way to whoever has it. */
export function Lacking({ lack, what }: { lack: Lack; what: string }) {
  return (
    <p class="notice" role="status" data-lack={lack.status}>
      {what} {lack.message}{" "}
      {lack.leader !== null && (
        <a href={`${linked(lack.leader)}/${location.hash}`}>To the console of the replica that leads</a>
      )}
    </p>
  );
}
