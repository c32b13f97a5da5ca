import type { Thing, World } from "./world.js";

const RANKS: [share: number, title: string][] = [
  [1.0, "Keeper of the Light"],
  [0.75, "Assistant Keeper"],
  [0.5, "Pilot"],
  [0.25, "Beachcomber"],
  [0, "Castaway"],
];

/** Gives points for something, once. */
export function award(world: World, achievement: string, points: number): void {
  if (world.earned.includes(achievement)) return;
  world.earned.push(achievement);
  world.points += points;
}

export function scoreTreasure(world: World, item: Thing): void {
  if (item.treasure) award(world, `found ${item.id}`, item.treasure);
}

export function rank(world: World): string {
  const share = world.maxPoints > 0 ? world.points / world.maxPoints : 0;
  return RANKS.find(([least]) => share >= least)?.[1] ?? "Castaway";
}

export function scoreLine(world: World): string {
  const turns = world.turn === 1 ? "1 turn" : `${world.turn} turns`;
  return `You have ${world.points} of ${world.maxPoints} points in ${turns}. That makes you a ${rank(world)}.`;
}
