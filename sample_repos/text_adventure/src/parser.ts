import {
  type Action, EVERYTHING, FILLERS, PREPOSITIONS, PRONOUNS,
  allActionWords, correctSpelling, recogniseAction, recogniseDirection,
} from "./vocabulary.js";
import type { Direction } from "./world.js";

/** What the player calls a thing, before anybody knows whether it exists. */
export interface NounPhrase {
  noun: string;
  adjectives: string[];
  pronoun: boolean;
  everything: boolean;
  /** "all but the lamp" */
  except: NounPhrase[];
}

export interface Command {
  action: Action;
  direction?: Direction;
  object?: NounPhrase;
  preposition?: string;
  secondObject?: NounPhrase;
  /** A file name for save and restore. */
  argument?: string;
}

export type ParseResult =
  | { ok: true; commands: Command[] }
  | { ok: false; complaint: string };

/**
 * Understands one line of input. Several sentences may follow each other: "take lamp. light it
 * and go down" is three commands. The line is all or nothing: if the second sentence makes no
 * sense, the first is not carried out either.
 */
export function parseLine(line: string): ParseResult {
  const sentences = splitSentences(line);
  if (sentences.length === 0) return { ok: false, complaint: "I beg your pardon?" };
  const commands: Command[] = [];
  for (const sentence of sentences) {
    const result = parseSentence(sentence);
    if (typeof result === "string") return { ok: false, complaint: result };
    commands.push(result);
  }
  return { ok: true, commands };
}

/**
 * Cuts at full stops, semicolons and "then", and at an "and" that is followed by an action.
 * The other kind of "and" ("take lamp and key") joins things and is left in place.
 */
function splitSentences(line: string): string[][] {
  const sentences: string[][] = [];
  for (const part of line.toLowerCase().split(/[.;!]|\bthen\b/)) {
    const words = part.split(/[\s,"]+/).filter((word) => word !== "");
    let sentence: string[] = [];
    words.forEach((word, i) => {
      const next = words.slice(i + 1);
      if (word === "and" && sentence.length > 0 && (recogniseAction(next) || recogniseDirection(next[0]))) {
        sentences.push(sentence);
        sentence = [];
      } else {
        sentence.push(word);
      }
    });
    if (sentence.length > 0) sentences.push(sentence);
  }
  return sentences;
}

function parseSentence(words: string[]): Command | string {
  const bare = recogniseDirection(words[0]);
  if (bare && words.length === 1) return { action: "go", direction: bare };

  let action = recogniseAction(words);
  if (!action) {
    const corrected = correctSpelling(words[0] ?? "", allActionWords());
    if (corrected) action = recogniseAction([corrected, ...words.slice(1)]);
  }
  if (!action) return bare ? { action: "go", direction: bare } : `I don't know the word "${words[0]}".`;

  const rest = words.slice(action.length);
  if (action.meaning === "save" || action.meaning === "restore") {
    return { action: action.meaning, argument: rest.join(" ") || undefined };
  }
  if (action.meaning === "go") {
    const direction = rest.map(recogniseDirection).find((found) => found !== undefined);
    return direction ? { action: "go", direction } : "Which way do you want to go?";
  }

  const border = rest.findIndex((word, i) => i > 0 && PREPOSITIONS.has(word));
  const first = border < 0 ? rest : rest.slice(0, border);
  const second = border < 0 ? [] : rest.slice(border + 1);
  const command: Command = { action: action.meaning, object: parseNounPhrase(first) };
  // "pick the lamp up": the end of a split phrase, not a place.
  const last = first.at(-1);
  if (command.action === "take" && last === "up") command.object = parseNounPhrase(first.slice(0, -1));
  if (border >= 0) {
    command.preposition = rest[border];
    command.secondObject = parseNounPhrase(second);
    if (!command.secondObject) return `${capitalise(rest[border] ?? "")} what?`;
  }
  return command;
}

/** "the small brass key" → noun "key", adjectives "small" and "brass". */
export function parseNounPhrase(words: string[]): NounPhrase | undefined {
  const exceptAt = words.findIndex((word) => word === "but" || word === "except");
  const core = (exceptAt < 0 ? words : words.slice(0, exceptAt)).filter((word) => !FILLERS.has(word));
  const noun = core.at(-1);
  if (noun === undefined) return undefined;
  const except = exceptAt < 0 ? undefined : parseNounPhrase(words.slice(exceptAt + 1));
  return {
    noun,
    adjectives: core.slice(0, -1),
    pronoun: PRONOUNS.has(noun),
    everything: EVERYTHING.has(noun),
    except: except ? [except] : [],
  };
}

export function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
