import { theName } from "./prose.js";
import { PLAYER, type Thing } from "./world.js";

/** Doors, chests and everything else with a hinge. */

export function open(target: Thing): string {
  const lock = target.lock;
  if (!lock) return `${theName(target)} is not something you can open.`;
  if (lock.open) return "It is open already.";
  if (lock.locked) return "It seems to be locked.";
  lock.open = true;
  return `You open ${theName(target)}.`;
}

export function close(target: Thing): string {
  const lock = target.lock;
  if (!lock) return `${theName(target)} is not something you can close.`;
  if (!lock.open) return "It is closed already.";
  lock.open = false;
  return `You close ${theName(target)}.`;
}

/** Turns a key in a lock. Without naming a key, one that is being carried is tried. */
export function turnKey(target: Thing, key: Thing | undefined, lockIt: boolean, carried: Thing[]): string {
  const lock = target.lock;
  if (!lock || lock.key === undefined) return `${theName(target)} has no keyhole.`;
  if (lock.locked === lockIt) return lockIt ? "It is locked already." : "It isn't locked.";
  const tried = key ?? carried.find((item) => item.id === lock.key);
  if (!tried) return "You have nothing that fits.";
  if (tried.location !== PLAYER) return `You are not holding ${theName(tried)}.`;
  if (tried.id !== lock.key) return `${theName(tried)} doesn't fit the keyhole.`;
  lock.locked = lockIt;
  if (lockIt) lock.open = false;
  return lockIt ? "Click." : `${theName(tried)} turns with a groan.`;
}
