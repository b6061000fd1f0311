// What people call a piece of equipment. A consumer has a name of its own; a source, a store and a header are known by
// their plant's name and their own id in it, a main by what it joins. Pure.

import { words } from "./format";
import type { Consumer, Header, Kind, Main, Plant, Source, Storage } from "./types";

export type Piece =
  | { kind: "source"; piece: Source }
  | { kind: "consumer"; piece: Consumer }
  | { kind: "storage"; piece: Storage }
  | { kind: "main"; piece: Main }
  | { kind: "header"; piece: Header };

/** A piece of equipment of a plant, by kind and id; ids of two kinds may be the same. */
export function pieceOf(p: Plant, kind: Kind, id: string): Piece | null {
  const find = <T extends { id: string }>(list: T[] | undefined): T | undefined => list?.find((one) => one.id === id);
  switch (kind) {
    case "source": {
      const piece = find(p.sources);
      return piece ? { kind, piece } : null;
    }
    case "consumer": {
      const piece = find(p.consumers);
      return piece ? { kind, piece } : null;
    }
    case "storage": {
      const piece = find(p.storages);
      return piece ? { kind, piece } : null;
    }
    case "main": {
      const piece = find(p.mains);
      return piece ? { kind, piece } : null;
    }
    case "header": {
      const piece = find(p.headers);
      return piece ? { kind, piece } : null;
    }
  }
}

/** A name, and where the equipment stands. */
export interface Named {
  name: string;
  plant: string;
  kind: Kind;
  id: string;
}

/** A plant's name; its id where it is not known. */
export const plantName = (plants: Plant[], id: string): string => plants.find((p) => p.id === id)?.name ?? id;

/** The plant that an id begins with. */
export const plantOf = (id: string): string => id.split(".")[0] ?? id;

/** An id within its own plant, where the plant's name says nothing new. */
export const local = (plant: string, id: string): string => (id.startsWith(`${plant}.`) ? id.slice(plant.length + 1) : id);

/** The plant's name and the id in it; the id alone where the plant is not known. */
export function placed(plants: Plant[], id: string): string {
  const p = plants.find((one) => id.startsWith(`${one.id}.`));
  return p === undefined ? id : `${p.name} ${local(p.id, id)}`;
}

/** The equipment of this id, of the first kind that has it unless one is asked for; `null`: there is none. */
export function named(plants: Plant[], id: string, kinds: readonly Kind[] = ORDER): Named | null {
  for (const kind of kinds) {
    for (const p of plants) {
      const found = pieceOf(p, kind, id);
      if (found === null) continue;
      const at = { plant: p.id, kind, id };
      if (found.kind === "consumer") return { ...at, name: found.piece.name };
      if (found.kind === "main") return { ...at, name: joined(plants, found.piece.from, found.piece.to) };
      return { ...at, name: placed(plants, id) };
    }
  }
  return null;
}

/** What burns or is short is asked for more often than what it hangs on. */
const ORDER: readonly Kind[] = ["source", "consumer", "storage", "main", "header"];

/** What a main joins: two plants by their names, two headers of one plant by theirs in it. */
export function joined(plants: Plant[], from: string, to: string): string {
  const [a, b] = [plantOf(from), plantOf(to)];
  if (a === b) return `${placed(plants, from)} to ${local(b, to)}`;
  return `${plantName(plants, a)} to ${plantName(plants, b)}`;
}

/** A layer that stands for many: `mill: sources`. */
export function gatheredName(plants: Plant[], id: string): string {
  const [plant = "", what] = id.split(": ", 2);
  return what === undefined ? words(id) : `${plantName(plants, plant)}: ${what}`;
}
