// What the page knows, as signals: one for each tag, one for each plant, so that a value that changes redraws its own cell
// and nothing else. Frames are gathered as they come and applied once per animation frame; of a tag that changed five
// times in between only the last value is drawn. The gathering is by id, so a hidden tab (no animation frames) does not grow.

import { batch, signal, type Signal } from "@preact/signals";
import type { Dispatch, Fleet, Plant, RaisedAlarm, State, Tag } from "./types";

/** A tag with the moment (by the page's steady clock) at which its age was true. */
export interface LiveTag extends Tag {
  at: number;
}

export const fleet = signal<Fleet | null>(null);
export const dispatch = signal<Dispatch | null>(null);
/** The centre's alarms, in its order: what asks for a person first. */
export const raised = signal<RaisedAlarm[]>([]);
export const plantIds = signal<string[]>([]);
/** Tag ids of each plant, in the order in which the server lists them. */
export const tagIds = signal<Record<string, string[]>>({});

const plants = new Map<string, Signal<Plant>>();
const tags = new Map<string, Signal<LiveTag>>();

export const plant = (id: string): Signal<Plant> | undefined => plants.get(id);
export const tag = (id: string): Signal<LiveTag> | undefined => tags.get(id);
export const allPlants = (): Plant[] => plantIds.value.flatMap((id) => plants.get(id)?.value ?? []);

interface Pending {
  replace: boolean;
  fleet: Partial<Fleet> | null;
  dispatch: Partial<Dispatch> | null;
  alarms: RaisedAlarm[] | null;
  plants: Map<string, Partial<Plant>>;
  tags: Map<string, LiveTag>;
}

const nothing = (): Pending => ({ replace: false, fleet: null, dispatch: null, alarms: null, plants: new Map(), tags: new Map() });
let pending = nothing();
let scheduled = false;

/** Takes a frame in. A snapshot forgets what was gathered before it, and what it does not name is gone. */
export function receive(frame: State, now: number, schedule: (flush: () => void) => void): void {
  if (frame.type === "snapshot") {
    pending = nothing();
    pending.replace = true;
  }
  if (frame.fleet) pending.fleet = { ...pending.fleet, ...frame.fleet };
  if (frame.dispatch) pending.dispatch = { ...pending.dispatch, ...frame.dispatch };
  if (frame.alarms) pending.alarms = frame.alarms;
  for (const [id, part] of Object.entries(frame.plants ?? {})) {
    pending.plants.set(id, { ...pending.plants.get(id), ...part });
  }
  for (const t of frame.tags ?? []) pending.tags.set(t.id, { ...t, at: now });
  if (!scheduled) {
    scheduled = true;
    schedule(flush);
  }
}

/** Draws everything gathered, in one batch. */
export function flush(): void {
  scheduled = false;
  const p = pending;
  pending = nothing();
  batch(() => {
    if (p.replace) {
      for (const id of [...plants.keys()]) if (!p.plants.has(id)) plants.delete(id);
      for (const id of [...tags.keys()]) if (!p.tags.has(id)) tags.delete(id);
      if (!p.dispatch) dispatch.value = null;
      if (!p.alarms) raised.value = [];
    }
    if (p.fleet) fleet.value = { ...(fleet.value ?? { leader: null, epoch: null, plants: [] }), ...p.fleet };
    if (p.dispatch) dispatch.value = { ...(dispatch.value ?? {}), ...p.dispatch } as Dispatch;
    if (p.alarms) raised.value = p.alarms;
    for (const [id, part] of p.plants) {
      const known = plants.get(id);
      if (known) known.value = { ...known.value, ...part };
      else plants.set(id, signal({ name: id, mode: "unknown", link: "unknown", ...part, id }));
    }
    let fresh = p.replace;
    for (const [id, t] of p.tags) {
      const known = tags.get(id);
      if (known) known.value = t;
      else {
        tags.set(id, signal(t));
        fresh = true;
      }
    }
    if (plantIds.value.length !== plants.size || plantIds.value.some((id) => !plants.has(id))) {
      plantIds.value = [...plants.keys()].sort();
    }
    if (fresh) {
      const byPlant: Record<string, string[]> = {};
      for (const [id, t] of tags) (byPlant[t.peek().plant] ??= []).push(id);
      for (const list of Object.values(byPlant)) list.sort();
      tagIds.value = byPlant;
    }
  });
}

/** Nothing is known any more, and what was gathered for the next frame is dropped. */
export function forget(): void {
  pending = nothing();
  plants.clear();
  tags.clear();
  batch(() => {
    fleet.value = null;
    dispatch.value = null;
    raised.value = [];
    plantIds.value = [];
    tagIds.value = {};
  });
}
