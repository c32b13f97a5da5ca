import { scoreTreasure } from "./score.js";
import { aName, joinNames, theName } from "./prose.js";
import { PLAYER, type Thing, type World, contents } from "./world.js";

export const MAX_POUNDS = 30;
export const MAX_ITEMS = 8;

/** The weight of a thing with everything that is inside it. */
export function totalWeight(world: World, item: Thing): number {
  return contents(world, item.id).reduce((sum, inner) => sum + totalWeight(world, inner), item.weight ?? 0);
}

export function burden(world: World): number {
  return contents(world, PLAYER).reduce((sum, item) => sum + totalWeight(world, item), 0);
}

/** Picks something up, or says why not. */
export function take(world: World, item: Thing): string {
  if (item.location === PLAYER) return `You already have ${theName(item)}.`;
  if (item.route) return `${theName(item)} would not like that.`;
  if (item.weight === undefined) return `${theName(item)} won't budge.`;
  if (contents(world, PLAYER).length >= MAX_ITEMS) return "Your hands are full.";
  if (burden(world) + totalWeight(world, item) > MAX_POUNDS) {
    return `With what you are carrying, ${theName(item)} is too heavy.`;
  }
  item.location = PLAYER;
  scoreTreasure(world, item);
  return "Taken.";
}

export function drop(world: World, item: Thing): string {
  if (item.location !== PLAYER) return `You don't have ${theName(item)}.`;
  item.location = world.here;
  return "Dropped.";
}

/** Puts one thing into another. A sack cannot go into itself, nor into a box that is in it. */
export function stow(world: World, item: Thing, container: Thing): string {
  if (container.capacity === undefined) return `You can't put anything into ${theName(container)}.`;
  if (container.lock && !container.lock.open) return `${theName(container)} is closed.`;
  for (let outer: Thing | undefined = container; outer; outer = world.things[outer.location]) {
    if (outer.id === item.id) return "That would take a mathematician.";
  }
  const inside = contents(world, container.id).reduce((sum, inner) => sum + totalWeight(world, inner), 0);
  if (inside + totalWeight(world, item) > container.capacity) return "It doesn't fit.";
  item.location = container.id;
  return `${theName(item)} is now in ${theName(container)}.`;
}

/** The answer to "what do I have", with the contents of open bags. */
export function listPossessions(world: World): string {
  const carried = contents(world, PLAYER);
  if (carried.length === 0) return "You are empty-handed.";
  const lines = carried.map((item) => {
    const inner = !item.lock || item.lock.open ? contents(world, item.id) : [];
    const suffix = inner.length > 0 ? ` (holding ${joinNames(inner.map(aName))})` : "";
    return `  ${aName(item)}${suffix}${item.lamp?.lit ? " (burning)" : ""}`;
  });
  return ["You are carrying:", ...lines].join("\n");
}
