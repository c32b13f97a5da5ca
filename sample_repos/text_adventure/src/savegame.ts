import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { World } from "./world.js";

const FORMAT = 3;

interface SaveFile {
  format: number;
  story: string;
  savedAt: string;
  world: World;
}

export class SaveError extends Error {}

/** Names come from the player, so they are file names and nothing else: no folders, no dots in front. */
function fileFor(folder: string, name: string): string {
  const safe = basename(name).replace(/[^\p{L}\p{N} _-]/gu, "").trim();
  if (safe === "") throw new SaveError("That is no name for a file.");
  return join(folder, `${safe}.json`);
}

/** Writes to a temporary file first: a crash half way must not destroy the previous save. */
export async function writeSave(folder: string, name: string, world: World): Promise<string> {
  const target = fileFor(folder, name);
  const content: SaveFile = { format: FORMAT, story: world.title, savedAt: new Date().toISOString(), world };
  await mkdir(folder, { recursive: true });
  await writeFile(`${target}.part`, JSON.stringify(content));
  await rename(`${target}.part`, target);
  return target;
}

export async function readSave(folder: string, name: string, story: string): Promise<World> {
  let text: string;
  try {
    text = await readFile(fileFor(folder, name), "utf8");
  } catch (error) {
    if (error instanceof SaveError) throw error;
    throw new SaveError(`There is no saved game called "${name}".`);
  }
  const content = JSON.parse(text) as SaveFile;
  if (content.story !== story) throw new SaveError(`That game belongs to "${content.story}".`);
  return upgrade(content);
}

/** Brings saves of earlier versions up to date, one version at a time. */
function upgrade(content: SaveFile): World {
  const world = content.world;
  if (content.format > FORMAT) throw new SaveError("That game was saved by a newer version.");
  if (content.format < 2) world.earned = [];
  if (content.format < 3) {
    // Lamps used to burn for ever.
    for (const item of Object.values(world.things)) {
      if (item.lamp && item.lamp.fuel === undefined) item.lamp.fuel = 200;
    }
  }
  return world;
}
