import { theName } from "./prose.js";
import { PLAYER, type Thing, type World, contents, room, roomOf } from "./world.js";

const WARNING_AT = 10;

/** A room is visible by itself or by any burning lamp in it, carried or lying about. */
export function canSee(world: World): boolean {
  if (!room(world).dark) return true;
  return Object.values(world.things).some(
    (candidate) => candidate.lamp?.lit && roomOf(world, candidate) === world.here,
  );
}

export function ignite(lamp: Thing): string {
  if (!lamp.lamp) return "You can't set fire to that.";
  if (lamp.lamp.lit) return "It is burning already.";
  if (lamp.lamp.fuel <= 0) return "It is out of oil.";
  lamp.lamp.lit = true;
  return `${theName(lamp)} flickers and catches.`;
}

export function douse(lamp: Thing): string {
  if (!lamp.lamp?.lit) return "It isn't burning.";
  lamp.lamp.lit = false;
  return `You put out ${theName(lamp)}.`;
}

/** Burns one turn's worth of oil in every lit lamp and reports what the player would notice. */
export function burnDown(world: World): string[] {
  const notices: string[] = [];
  for (const candidate of Object.values(world.things)) {
    const state = candidate.lamp;
    if (!state?.lit) continue;
    state.fuel -= 1;
    const near = roomOf(world, candidate) === world.here;
    if (state.fuel <= 0) {
      state.lit = false;
      if (near) notices.push(`${theName(candidate)} sputters and goes out.`);
    } else if (near && state.fuel === WARNING_AT) {
      notices.push(`The flame of ${theName(candidate)} is getting low.`);
    }
  }
  return notices;
}

/**
 * Walking about without a light is dangerous: one step in three ends at the bottom of the
 * stairs. The dice are a hash of the turn, so that undoing and trying again changes nothing.
 */
export function stumble(world: World): string | undefined {
  if (canSee(world)) return undefined;
  const dice = (Math.imul(world.turn + 1, 2654435761) >>> 16) % 3;
  if (dice !== 0) return undefined;
  for (const item of contents(world, PLAYER)) item.location = world.here;
  return "You miss a step in the blackness, fall, and scatter everything you were carrying.";
}
