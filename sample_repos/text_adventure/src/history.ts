import type { World } from "./world.js";

const DEPTH = 50;

/**
 * The past, newest last. Worlds are small plain data, so a whole copy a turn is simpler than
 * a list of changes, and cannot forget one.
 */
export class History {
  private readonly snapshots: string[] = [];

  /** Call before a command changes the world. */
  remember(world: World): void {
    this.snapshots.push(JSON.stringify(world));
    if (this.snapshots.length > DEPTH) this.snapshots.shift();
  }

  /** The world as it was one turn ago, or undefined at the beginning of time. */
  stepBack(): World | undefined {
    const snapshot = this.snapshots.pop();
    return snapshot === undefined ? undefined : (JSON.parse(snapshot) as World);
  }

  /** A command that took no time leaves nothing to return to. */
  forgetLast(): void {
    this.snapshots.pop();
  }
}
