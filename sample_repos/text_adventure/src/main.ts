import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { perform, type Outcome } from "./actions.js";
import { History } from "./history.js";
import { parseLine } from "./parser.js";
import { describeRoom, wrap } from "./prose.js";
import { answerQuestion } from "./referents.js";
import { SaveError, readSave, writeSave } from "./savegame.js";
import { scoreLine } from "./score.js";
import { type World, findMistakes } from "./world.js";
import { theKeepersLight } from "../stories/lighthouse.js";

const SAVES = join(homedir(), ".lamplight");

/** One game from the first line to the last: everything between the keyboard and the world. */
export class Session {
  private readonly history = new History();
  private question: NonNullable<Outcome["asking"]> | undefined;

  constructor(public world: World) {
    const mistakes = findMistakes(world);
    if (mistakes.length > 0) throw new Error(mistakes.join("\n"));
  }

  /** The answer to one line of input; undefined ends the game. */
  async respond(line: string): Promise<string | undefined> {
    if (this.question) {
      const { command, slot, candidates } = this.question;
      this.question = undefined;
      const chosen = answerQuestion(this.world, candidates, line);
      if (chosen) return this.step(() => perform(this.world, command, { [slot]: chosen }));
    }
    const parsed = parseLine(line);
    if (!parsed.ok) return parsed.complaint;
    const answers: string[] = [];
    for (const command of parsed.commands) {
      switch (command.action) {
        case "quit":
          return undefined;
        case "undo": {
          const past = this.history.stepBack();
          if (past) this.world = past;
          answers.push(past ? `Taken back.\n${describeRoom(this.world)}` : "There is nothing to take back.");
          break;
        }
        case "save":
        case "restore":
          answers.push(await this.keep(command.action, command.argument ?? "adventure"));
          break;
        default:
          answers.push(this.step(() => perform(this.world, command)));
      }
      // The rest of the line was typed in the belief that this part would work.
      if (this.question || this.world.finished) break;
    }
    return answers.join("\n\n");
  }

  private step(action: () => Outcome): string {
    this.history.remember(this.world);
    const outcome = action();
    if (!outcome.tookTurn) this.history.forgetLast();
    this.question = outcome.asking;
    return outcome.text;
  }

  private async keep(action: "save" | "restore", name: string): Promise<string> {
    try {
      if (action === "save") return `Saved in ${await writeSave(SAVES, name, this.world)}.`;
      this.world = await readSave(SAVES, name, this.world.title);
      return describeRoom(this.world, true);
    } catch (error) {
      if (error instanceof SaveError) return error.message;
      throw error;
    }
  }
}

async function main(): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const session = new Session(theKeepersLight());
  const show = (text: string) => console.log(`${wrap(text, Math.min(process.stdout.columns ?? 80, 90))}\n`);
  show(`${session.world.title}\n\n${describeRoom(session.world)}`);
  while (!session.world.finished) {
    const answer = await session.respond(await terminal.question("> "));
    if (answer === undefined) break;
    show(answer);
  }
  show(scoreLine(session.world));
  terminal.close();
}

if (process.argv[1]?.endsWith("main.js")) await main();
