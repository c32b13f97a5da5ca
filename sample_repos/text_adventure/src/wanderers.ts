import { theName } from "./prose.js";
import { type Direction, type Thing, type World, room } from "./world.js";

/** People who have somewhere to be. */
export function moveEverybody(world: World): string[] {
  const notices: string[] = [];
  for (const person of Object.values(world.things)) {
    if (!person.route || person.route.length === 0) continue;
    const notice = moveOn(world, person);
    if (notice) notices.push(notice);
  }
  return notices;
}

/** One step along a circular route; a closed door makes the person wait in front of it. */
function moveOn(world: World, person: Thing): string | undefined {
  const route = person.route ?? [];
  const from = person.location;
  const next = route[(route.indexOf(from) + 1) % route.length];
  if (next === undefined || next === from) return undefined;
  const way = exitBetween(world, from, next);
  const door = way ? room(world, from).exits[way]?.through : undefined;
  if (door && !world.things[door]?.lock?.open) return undefined;
  person.location = next;
  if (from === world.here) return `${theName(person)} leaves${way ? ` ${phrase(way)}` : ""}.`;
  if (next === world.here) return `${theName(person)} comes in.`;
  return undefined;
}

function exitBetween(world: World, from: string, to: string): Direction | undefined {
  const exits = Object.entries(room(world, from).exits);
  return exits.find(([, exit]) => exit.to === to)?.[0] as Direction | undefined;
}

function phrase(way: Direction): string {
  switch (way) {
    case "up":
    case "down":
      return `${way} the stairs`;
    case "in":
    case "out":
      return "";
    default:
      return `to the ${way}`;
  }
}
