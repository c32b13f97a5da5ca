/** The state of a game. Plain data only: no methods, no cycles, nothing that JSON cannot hold. */

export type RoomId = string;
export type ThingId = string;
export type Direction =
  | "north" | "south" | "east" | "west"
  | "northeast" | "northwest" | "southeast" | "southwest"
  | "up" | "down" | "in" | "out";

export const PLAYER = "player";
export const NOWHERE = "nowhere";

export interface Exit {
  to: RoomId;
  /** A thing (usually a door) that has to be open to pass. */
  through?: ThingId;
  /** Shown instead of moving; for exits that only look like exits. */
  refusal?: string;
}

export interface Room {
  id: RoomId;
  title: string;
  text: string;
  /** Rooms under the open sky or with a window need no lamp. */
  dark: boolean;
  visited: boolean;
  exits: Partial<Record<Direction, Exit>>;
}

export interface LampState {
  lit: boolean;
  /** Turns of burning that are left. */
  fuel: number;
}

export interface LockState {
  open: boolean;
  locked: boolean;
  key?: ThingId;
}

export interface Thing {
  id: ThingId;
  /** What the player may call it: "brass key" has the noun "key" and the adjective "brass". */
  noun: string;
  adjectives: string[];
  article: "a" | "an" | "some" | "the";
  text: string;
  /** A room, another thing, PLAYER or NOWHERE. */
  location: string;
  /** In pounds. Fixed things have none and cannot be taken. */
  weight?: number;
  /** How many pounds fit into it; undefined when it is not a container. */
  capacity?: number;
  lamp?: LampState;
  lock?: LockState;
  /** Points for taking it the first time. */
  treasure?: number;
  edible?: boolean;
  /** People: where they go, one room a turn. */
  route?: RoomId[];
  greeting?: string;
}

export interface World {
  title: string;
  rooms: Record<RoomId, Room>;
  things: Record<ThingId, Thing>;
  here: RoomId;
  turn: number;
  points: number;
  maxPoints: number;
  /** Achievements that were counted already, so that nothing scores twice. */
  earned: string[];
  /** What "it" stands for. */
  lastMentioned?: ThingId;
  /** The game is won when this thing has been brought to this room. */
  goal: { bring: ThingId; to: RoomId; text: string };
  finished?: "won" | "lost";
}

export function room(world: World, id: RoomId = world.here): Room {
  const found = world.rooms[id];
  if (!found) throw new Error(`the story mentions a room that does not exist: ${id}`);
  return found;
}

export function thing(world: World, id: ThingId): Thing {
  const found = world.things[id];
  if (!found) throw new Error(`the story mentions a thing that does not exist: ${id}`);
  return found;
}

export function contents(world: World, location: string): Thing[] {
  return Object.values(world.things).filter((candidate) => candidate.location === location);
}

/** The room a thing is in, however many boxes it is nested in. */
export function roomOf(world: World, candidate: Thing): string {
  let location = candidate.location;
  for (let depth = 0; depth < 16; depth++) {
    const holder = world.things[location];
    if (!holder) return location === PLAYER ? world.here : location;
    location = holder.location;
  }
  throw new Error(`${candidate.id} is inside itself`);
}

/** Can the player get a hand on it? Things in closed boxes are out of reach. */
export function withinReach(world: World, candidate: Thing): boolean {
  let location = candidate.location;
  while (world.things[location]) {
    const holder = thing(world, location);
    if (holder.lock && !holder.lock.open) return false;
    location = holder.location;
  }
  return location === PLAYER || location === world.here || isDoorHere(world, candidate);
}

/** A door belongs to both rooms it connects. */
function isDoorHere(world: World, candidate: Thing): boolean {
  return Object.values(room(world).exits).some((exit) => exit?.through === candidate.id);
}

/** Mistakes in a story, found before the first turn rather than in the middle of a game. */
export function findMistakes(world: World): string[] {
  const mistakes: string[] = [];
  for (const place of Object.values(world.rooms)) {
    for (const [direction, exit] of Object.entries(place.exits)) {
      if (!exit.refusal && !world.rooms[exit.to]) {
        mistakes.push(`${place.id}: the exit ${direction} leads to ${exit.to}, which does not exist`);
      }
      if (exit.through && !world.things[exit.through]?.lock) {
        mistakes.push(`${place.id}: ${exit.through} is no door`);
      }
    }
  }
  for (const item of Object.values(world.things)) {
    const places = [PLAYER, NOWHERE];
    if (!places.includes(item.location) && !world.rooms[item.location] && !world.things[item.location]) {
      mistakes.push(`${item.id} is in ${item.location}, which does not exist`);
    }
  }
  if (!world.things[world.goal.bring] || !world.rooms[world.goal.to]) mistakes.push("the goal cannot be reached");
  return mistakes;
}
