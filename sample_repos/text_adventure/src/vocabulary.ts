import type { Direction } from "./world.js";

/** Everything a player can do. */
export type Action =
  | "go" | "look" | "examine" | "take" | "drop" | "put" | "open" | "close" | "unlock" | "lock"
  | "light" | "extinguish" | "eat" | "greet" | "inventory" | "score" | "wait"
  | "undo" | "save" | "restore" | "quit";

/** Every word or phrase for an action. Longer phrases are tried first. */
const ACTION_WORDS: Record<Action, string[]> = {
  go: ["go", "walk", "run", "climb", "head"],
  look: ["look", "l", "look around"],
  examine: ["examine", "x", "look at", "inspect", "read", "search", "describe"],
  take: ["take", "get", "grab", "pick up", "steal", "carry"],
  drop: ["drop", "put down", "leave", "throw away", "discard"],
  put: ["put", "insert", "place", "hide"],
  open: ["open"],
  close: ["close", "shut"],
  unlock: ["unlock"],
  lock: ["lock"],
  light: ["light", "turn on", "switch on", "ignite", "kindle"],
  extinguish: ["extinguish", "turn off", "switch off", "blow out", "put out", "douse"],
  eat: ["eat", "devour", "taste"],
  greet: ["greet", "talk to", "speak to", "hello", "hi"],
  inventory: ["inventory", "i", "inv", "what do i have"],
  score: ["score", "points"],
  wait: ["wait", "z", "rest", "sleep"],
  undo: ["undo", "take back", "oops"],
  save: ["save"],
  restore: ["restore", "load"],
  quit: ["quit", "q", "exit game", "goodbye"],
};

const DIRECTION_WORDS: Record<Direction, string[]> = {
  north: ["north", "n"],
  south: ["south", "s"],
  east: ["east", "e"],
  west: ["west", "w"],
  northeast: ["northeast", "ne"],
  northwest: ["northwest", "nw"],
  southeast: ["southeast", "se"],
  southwest: ["southwest", "sw"],
  up: ["up", "u", "upstairs", "upwards"],
  down: ["down", "d", "downstairs", "downwards"],
  in: ["in", "inside", "enter"],
  out: ["out", "outside", "exit"],
};

/** Words that carry no meaning for the game. */
export const FILLERS = new Set(["the", "a", "an", "some", "my", "please", "now", "then", "to", "of", "very"]);

/** Words between the two noun phrases of "put lamp in box" and "unlock door with key". */
export const PREPOSITIONS = new Set(["in", "into", "inside", "on", "onto", "with", "using", "from", "at"]);

export const PRONOUNS = new Set(["it", "that", "them", "him", "her"]);

export const EVERYTHING = new Set(["all", "everything"]);

interface Phrase<T> {
  words: string[];
  meaning: T;
}

function phraseTable<T extends string>(table: Record<T, string[]>): Phrase<T>[] {
  const phrases: Phrase<T>[] = [];
  for (const [meaning, spellings] of Object.entries(table) as [T, string[]][]) {
    for (const spelling of spellings) phrases.push({ words: spelling.split(" "), meaning });
  }
  return phrases.sort((a, b) => b.words.length - a.words.length);
}

const ACTION_PHRASES = phraseTable(ACTION_WORDS);
const DIRECTIONS = new Map(
  (Object.entries(DIRECTION_WORDS) as [Direction, string[]][]).flatMap(([direction, spellings]) =>
    spellings.map((spelling): [string, Direction] => [spelling, direction]),
  ),
);

export interface Recognised<T> {
  meaning: T;
  /** How many words of the sentence it used up. */
  length: number;
}

/** The longest phrase for an action that the sentence begins with. */
export function recogniseAction(words: string[]): Recognised<Action> | undefined {
  for (const phrase of ACTION_PHRASES) {
    if (phrase.words.every((word, i) => words[i] === word)) {
      return { meaning: phrase.meaning, length: phrase.words.length };
    }
  }
  return undefined;
}

export function recogniseDirection(word: string | undefined): Direction | undefined {
  return word === undefined ? undefined : DIRECTIONS.get(word);
}

/**
 * The word the player probably meant: one letter missing, extra, wrong, or two swapped.
 * Short words are left alone, since "e" is one letter away from nearly everything.
 */
export function correctSpelling(word: string, known: Iterable<string>): string | undefined {
  if (word.length < 4) return undefined;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) <= 1 && isOneSlipAway(word, candidate)) return candidate;
  }
  return undefined;
}

function isOneSlipAway(typed: string, meant: string): boolean {
  let start = 0;
  while (start < typed.length && typed[start] === meant[start]) start++;
  const a = typed.slice(start);
  const b = meant.slice(start);
  return (
    a.slice(1) === b.slice(1) || // wrong letter
    a.slice(1) === b || // extra letter
    a === b.slice(1) || // missing letter
    (a[0] === b[1] && a[1] === b[0] && a.slice(2) === b.slice(2)) // swapped
  );
}

export function allActionWords(): string[] {
  return ACTION_PHRASES.flatMap((phrase) => phrase.words);
}
