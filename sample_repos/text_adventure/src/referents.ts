import type { NounPhrase } from "./parser.js";
import { canSee } from "./light.js";
import { theName } from "./prose.js";
import { PLAYER, type Thing, type World, thing, withinReach } from "./world.js";

export type Resolution =
  | { kind: "found"; things: Thing[] }
  | { kind: "ambiguous"; candidates: Thing[]; question: string }
  | { kind: "absent"; complaint: string };

/** Which of the things around does the player mean? */
export function resolve(world: World, phrase: NounPhrase, prefer?: (candidate: Thing) => boolean): Resolution {
  if (phrase.pronoun) return resolvePronoun(world);
  const around = Object.values(world.things).filter(
    (candidate) => withinReach(world, candidate) && (canSee(world) || candidate.location === PLAYER),
  );
  if (phrase.everything) {
    const unwanted = phrase.except.flatMap((exception) => around.filter((item) => fits(item, exception)));
    const movable = around.filter((item) => item.weight !== undefined && !unwanted.includes(item));
    const chosen = prefer ? movable.filter(prefer) : movable;
    return chosen.length > 0
      ? { kind: "found", things: chosen }
      : { kind: "absent", complaint: "There is nothing to do that with." };
  }
  const candidates = narrow(around.filter((item) => fits(item, phrase)), prefer);
  const only = candidates[0];
  if (only === undefined) {
    const complaint = canSee(world) ? `You can't see any ${phrase.noun} here.` : "It's too dark to see.";
    return { kind: "absent", complaint };
  }
  if (candidates.length > 1) {
    const names = candidates.map(theName);
    const list = `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
    return { kind: "ambiguous", candidates, question: `Which do you mean, ${list}?` };
  }
  world.lastMentioned = only.id;
  return { kind: "found", things: [only] };
}

function resolvePronoun(world: World): Resolution {
  const antecedent = world.lastMentioned ? world.things[world.lastMentioned] : undefined;
  if (!antecedent) return { kind: "absent", complaint: "I don't know what you are referring to." };
  if (!withinReach(world, antecedent)) {
    return { kind: "absent", complaint: `${theName(antecedent)} isn't here any more.` };
  }
  return { kind: "found", things: [antecedent] };
}

/** "key" fits every key, "rusty key" only the rusty one, and "rusty" alone fits it too. */
function fits(candidate: Thing, phrase: NounPhrase): boolean {
  const nounFits = candidate.noun === phrase.noun || candidate.adjectives.includes(phrase.noun);
  return nounFits && phrase.adjectives.every((word) => candidate.adjectives.includes(word));
}

/**
 * Does not ask silly questions: with one key in the hand and one on the floor, "drop key" can
 * only mean the first. A preference narrows the choice and never empties it.
 */
function narrow(candidates: Thing[], prefer?: (candidate: Thing) => boolean): Thing[] {
  if (!prefer || candidates.length < 2) return candidates;
  const preferred = candidates.filter(prefer);
  return preferred.length > 0 ? preferred : candidates;
}

/** The line after a question: "the rusty one", "rusty", "second". Undefined when it is a new command. */
export function answerQuestion(world: World, candidates: Thing[], line: string): Thing | undefined {
  const words = line.toLowerCase().split(/\s+/).filter((word) => word !== "the" && word !== "one");
  const ordinal = ["first", "second", "third", "fourth"].indexOf(words[0] ?? "");
  const chosen =
    ordinal >= 0
      ? candidates[ordinal]
      : onlyOne(candidates.filter((item) => words.every((w) => item.noun === w || item.adjectives.includes(w))));
  if (chosen) world.lastMentioned = chosen.id;
  return chosen ? thing(world, chosen.id) : undefined;
}

function onlyOne<T>(items: T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}
