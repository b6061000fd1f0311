// The shapes of the API as the console reads them. A field that a server may leave out is optional here, and every
// number that a bad quality can take away is nullable: the page then shows a dash, never an old or an invented number.

export type Quality = "good" | "uncertain" | "bad";

/** The five priority classes, highest first. */
export const CLASSES = ["life-safety", "product-safety", "equipment-protection", "production", "comfort"] as const;

/** What has a place in a plant's mimic and a faceplate. */
export const KINDS = ["header", "source", "storage", "consumer", "main"] as const;
export type Kind = (typeof KINDS)[number];

/** The worst quality of the tags behind a line, and why it is not good. */
interface Judged {
  quality?: Quality;
  reason?: string | null;
}

export interface FleetPlant {
  id: string;
  name: string;
  mode: string;
  link: string | boolean;
  heat_mw: number | null;
  demand_mw: number | null;
  /** By class; `null` where nothing is known to be short and not everything can be seen. */
  unserved_mw: Record<string, number | null>;
}

export interface Fleet {
  leader: string | boolean | null;
  /** Where the leader is reached. */
  leader_address?: string | null;
  /** Is the leader the centre that serves this page? */
  leads?: boolean;
  epoch: number | null;
  plants: FleetPlant[];
}

export interface Header {
  id: string;
  medium: string;
  process_value: number | null;
  unit: string;
  nominal: number;
  low: number;
  high: number;
  quality: Quality;
  swing: string;
}

export interface Source extends Judged {
  id: string;
  kind: string;
  header: string;
  state: string | null;
  heat_mw: number | null;
  heat_max_mw: number;
  setpoint_mw: number | null;
  /** The setpoint's id, where the server names it. */
  setpoint?: string | null;
  tripped: boolean;
  prediction?: { heat_at: string } | null;
  /** What it waits for where it does not run and is needed, in words. */
  waits?: string | null;
}

export interface Storage extends Judged {
  id: string;
  level_mwh: number | null;
  capacity_mwh: number;
  /** Positive: discharging into the header. */
  heat_mw: number | null;
}

export interface Consumer extends Judged {
  id: string;
  name: string;
  class: string;
  class_rank: number;
  header: string;
  asked_mw: number | null;
  served_mw: number | null;
  /** The setpoint by which its draw is capped; `null`: it cannot be shed. */
  cap_setpoint: string | null;
  cap_mw: number | null;
  unserved_mw: number | null;
  predicted_restore?: string | null;
}

export interface Main extends Judged {
  id: string;
  from: string;
  to: string;
  flow_mw: number | null;
  cap_mw: number | null;
  open?: boolean | null;
}

export interface Device {
  id: string;
  up: boolean;
  reason?: string | null;
}

export interface Plant {
  id: string;
  name: string;
  mode: string;
  link: string | boolean;
  headers?: Header[];
  sources?: Source[];
  storages?: Storage[];
  consumers?: Consumer[];
  mains?: Main[];
  devices?: Device[];
  setpoints?: Setpoint[];
}

export interface Setpoint {
  id: string;
  unit: string;
  min: number;
  max: number;
  value: number | null;
}

export interface Tag {
  id: string;
  plant: string;
  device: string;
  value: number | boolean | string | null;
  /** What the number means where it stands for a state or a flag. */
  word?: string | null;
  unit: string | null;
  quality: Quality;
  reason: string | null;
  source_time: string | null;
  received_time: string | null;
  age_ms: number | null;
}

export interface Dispatch {
  seq: number;
  time: string;
  status: string;
  source: string;
  cost: number | null;
  unserved_mwh?: Record<string, number>;
  setpoints?: { plant: string; setpoint: string; value: number }[];
  solve_ms: number | null;
  why?: string[];
}

/** An alarm of the centre, which stands or was not taken note of. */
export interface RaisedAlarm {
  id: string;
  /** `null`: it is about the whole. */
  plant: string | null;
  priority: number;
  state: "unacknowledged" | "returned-to-normal-unacknowledged" | "acknowledged";
  text: string;
  runbook: string | null;
  raised: string;
  cleared: string | null;
  acknowledged_by: string | null;
  acknowledged_at: string | null;
}

/** The page that an alarm names. */
export interface Runbook {
  id: string;
  /** Markdown. */
  text: string;
  front_matter: string | null;
}

export interface State {
  type: "snapshot" | "update";
  fleet?: Partial<Fleet>;
  plants?: Record<string, Partial<Plant>>;
  tags?: Tag[];
  dispatch?: Partial<Dispatch> | null;
  /** The whole list, in its order, whenever something in it changed. */
  alarms?: RaisedAlarm[];
}

export interface Beat {
  type: "beat";
  time: string;
  seq?: number;
}

export type Frame = State | Beat;

export interface Point extends Array<number> {
  0: number;
  1: number;
}

export interface Boxed {
  kind: Kind;
  id: string;
  name: string;
  x: number;
  y: number;
  width: number;
  height: number;
  tags: { role: string; tag: string }[];
  /** The header of another plant at the far end of a main. */
  beyond: string | null;
}

export interface Edge {
  from: string;
  to: string;
  flow: string;
  path: Point[];
}

/** A plant's drawing, which the centre made from the fleet's files. */
export interface Mimic {
  plant: string;
  width: number;
  height: number;
  boxes: Boxed[];
  edges: Edge[];
  returns: { header: string; paths: Point[][] }[];
}

/** Time, value, quality. */
export type HistorySample = [string, number | null, Quality];

export interface Entry {
  seq: number;
  prev_hash: string;
  hash: string;
  epoch: number;
  time: string;
  kind: string;
  schema: number;
  body: unknown;
}

export interface Order extends CommandResult {
  time: string;
  plant: string;
  setpoint: string | null;
  value: number | null;
  writer: string;
  user: string | null;
  /** Why, in words. */
  reason: string;
  /** The journal's entry behind it. */
  decision: number;
}

export interface SubAgent {
  id: string;
  name: string;
  state: "healthy" | "degraded" | "removed" | "unknown";
  version: string | null;
  capabilities: string[];
  registered: string | null;
  last_heartbeat: string | null;
  success_ratio: number | null;
  last_result: {
    time: string;
    plant: string | null;
    outcome: string;
    values: Record<string, { value: number | null; unit: string | null; quality: string }>;
    reason: string | null;
    stale: boolean;
    age_ms: number | null;
  } | null;
}

export interface CommandResult {
  id: string;
  state: "issued" | "done" | "refused" | "expired" | "unknown";
  refusal?: { gate?: string; code?: string; reason?: string } | null;
  readback?: number | null;
}
