import { capitalise } from "./parser.js";
import { canSee } from "./light.js";
import { type Thing, type World, contents, room } from "./world.js";

export function bareName(item: Thing): string {
  return [...item.adjectives, item.noun].join(" ");
}

export function aName(item: Thing): string {
  return `${item.article} ${bareName(item)}`;
}

export function theName(item: Thing): string {
  return `the ${bareName(item)}`;
}

/** "a lamp", "a lamp and a key", "a lamp, a key and some bread" */
export function joinNames(names: string[]): string {
  if (names.length < 2) return names[0] ?? "nothing";
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/**
 * What the player sees on entering: the title, the long text on the first visit (or always,
 * after "look"), the things that lie about, the people, and the ways out.
 */
export function describeRoom(world: World, full = false): string {
  if (!canSee(world)) return "It is pitch black. You might fall over something.";
  const place = room(world);
  const paragraphs = [place.title];
  if (full || !place.visited) paragraphs.push(place.text);
  place.visited = true;

  const present = contents(world, world.here);
  const people = present.filter((item) => item.route);
  const loose = present.filter((item) => !item.route && item.weight !== undefined);
  if (loose.length > 0) {
    paragraphs.push(`There ${loose.length === 1 ? "is" : "are"} ${joinNames(loose.map(aName))} here.`);
  }
  for (const holder of present) {
    const inside = holder.lock?.open ? contents(world, holder.id) : [];
    if (inside.length > 0) paragraphs.push(`In ${bareName(holder)}: ${joinNames(inside.map(aName))}.`);
  }
  for (const person of people) paragraphs.push(`${capitalise(theName(person))} is here.`);
  const ways = Object.entries(place.exits).filter(([, exit]) => !exit.refusal);
  paragraphs.push(ways.length > 0 ? `You can go ${joinNames(ways.map(([way]) => way))}.` : "There is no way out.");
  return paragraphs.join("\n");
}

/** Breaks long lines for a terminal without touching the line breaks that are meant. */
export function wrap(text: string, width: number): string {
  return text
    .split("\n")
    .map((paragraph) => {
      const lines: string[] = [];
      let line = "";
      for (const word of paragraph.split(" ")) {
        if (line !== "" && line.length + 1 + word.length > width) {
          lines.push(line);
          line = word;
        } else {
          line = line === "" ? word : `${line} ${word}`;
        }
      }
      return [...lines, line].join("\n");
    })
    .join("\n");
}
