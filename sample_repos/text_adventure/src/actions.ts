import { close, open, turnKey } from "./doors.js";
import { drop, listPossessions, stow, take } from "./inventory.js";
import { burnDown, douse, ignite, stumble } from "./light.js";
import { type Command, type NounPhrase, capitalise } from "./parser.js";
import { aName, describeRoom, joinNames, theName } from "./prose.js";
import { resolve } from "./referents.js";
import { scoreLine } from "./score.js";
import { moveEverybody } from "./wanderers.js";
import { NOWHERE, PLAYER, type Thing, type World, contents, room } from "./world.js";

export interface Outcome {
  text: string;
  /** Did time pass? Looking into one's pockets is free. */
  tookTurn: boolean;
  /** Set when the game asks back; the candidates of the question. */
  asking?: { command: Command; slot: "object" | "secondObject"; candidates: Thing[] };
}

const FREE = new Set(["look", "examine", "inventory", "score"]);
const held = (item: Thing): boolean => item.location === PLAYER;
const notHeld = (item: Thing): boolean => item.location !== PLAYER;

/** Carries out one command. `chosen` are answers to earlier questions about the same command. */
export function perform(world: World, command: Command, chosen: Partial<Record<string, Thing>> = {}): Outcome {
  const needsObject = !["go", "look", "inventory", "score", "wait"].includes(command.action);
  if (needsObject && !command.object) {
    return { text: `What do you want to ${command.action}?`, tookTurn: false };
  }
  const slots: Partial<Record<"object" | "secondObject", Thing[]>> = {};
  for (const slot of ["object", "secondObject"] as const) {
    const phrase: NounPhrase | undefined = command[slot];
    if (!phrase) continue;
    const answer = chosen[slot];
    if (answer) {
      slots[slot] = [answer];
      continue;
    }
    const resolution = resolve(world, phrase, preference(command, slot));
    if (resolution.kind === "absent") return { text: resolution.complaint, tookTurn: false };
    if (resolution.kind === "ambiguous") {
      const asking = { command, slot, candidates: resolution.candidates };
      return { text: resolution.question, tookTurn: false, asking };
    }
    slots[slot] = resolution.things;
  }
  const objects = slots.object ?? [];
  const lines =
    objects.length > 1
      ? objects.map((item) => `${theName(item)}: ${carryOut(world, command, item, slots.secondObject?.[0])}`)
      : [carryOut(world, command, objects[0], slots.secondObject?.[0])];
  const tookTurn = !FREE.has(command.action);
  if (tookTurn) lines.push(...passTime(world));
  return { text: lines.map(capitalise).join("\n"), tookTurn };
}

function preference(command: Command, slot: "object" | "secondObject"): ((item: Thing) => boolean) | undefined {
  if (slot === "secondObject") return command.action === "put" ? undefined : held;
  if (command.action === "take") return notHeld;
  if (command.action === "drop" || command.action === "put" || command.action === "eat") return held;
  return undefined;
}

function carryOut(world: World, command: Command, item?: Thing, second?: Thing): string {
  switch (command.action) {
    case "go":
      return go(world, command);
    case "look":
      return describeRoom(world, true);
    case "inventory":
      return listPossessions(world);
    case "score":
      return scoreLine(world);
    case "wait":
      return "Time passes.";
  }
  if (!item) return "Nothing happens.";
  switch (command.action) {
    case "examine":
      return examine(world, item);
    case "take":
      return take(world, item);
    case "drop":
      return drop(world, item);
    case "put":
      return second ? stow(world, item, second) : drop(world, item);
    case "open":
      return open(item);
    case "close":
      return close(item);
    case "unlock":
    case "lock":
      return turnKey(item, second, command.action === "lock", contents(world, PLAYER));
    case "light":
      return ignite(item);
    case "extinguish":
      return douse(item);
    case "eat":
      if (!item.edible) return "Your teeth are worth more to you.";
      item.location = NOWHERE;
      return "Not bad at all.";
    case "greet":
      return item.greeting ?? `${theName(item)} does not answer.`;
    default:
      return "You can't do that.";
  }
}

/** Moves the player through an exit, if nothing is in the way. */
function go(world: World, command: Command): string {
  const exit = command.direction ? room(world).exits[command.direction] : undefined;
  if (!exit) return "You can't go that way.";
  if (exit.refusal) return exit.refusal;
  const door = exit.through ? world.things[exit.through] : undefined;
  if (door?.lock && !door.lock.open) return `${theName(door)} is closed.`;
  const accident = stumble(world);
  if (accident) return accident;
  world.here = exit.to;
  return describeRoom(world);
}

function examine(world: World, item: Thing): string {
  const inside = item.lock && !item.lock.open ? [] : contents(world, item.id);
  const suffix = inside.length > 0 ? ` It contains ${joinNames(inside.map(aName))}.` : "";
  return item.text + suffix;
}

function passTime(world: World): string[] {
  world.turn += 1;
  const notices = [...burnDown(world), ...moveEverybody(world)];
  if (world.things[world.goal.bring]?.location === world.goal.to) {
    world.finished = "won";
    notices.push(world.goal.text);
  }
  return notices;
}
