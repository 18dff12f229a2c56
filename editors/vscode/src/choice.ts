// Which server: takes the settings and what is installed, gives the command of `lory`, and why.

import { Environment } from "./environment";
import { findBeside, findOnPath } from "./programs";
import { selectedPython } from "./selected_python";
import { givenCommand } from "./settings";

/** How `lory` is called; `lsp` and `stats` come after it. */
export interface Choice {
  readonly command: readonly string[];
  /** For people. */
  readonly why: string;
}

/** The first that there is: the setting, the selected environment, the one made here, PATH. */
export async function chooseServer(environment: Environment): Promise<Choice | undefined> {
  const command = givenCommand();
  if (command.length > 0) {
    return { command, why: "the setting lory.command" };
  }
  const selected = await selectedPython();
  const found = selected && (await findBeside(selected, "lory"));
  if (found) {
    return { command: [found], why: `the selected Python environment has it: ${selected}` };
  }
  const made = await environment.find();
  if (made) {
    return { command: [made], why: "the environment that was made for it" };
  }
  const onPath = await findOnPath("lory");
  return onPath ? { command: [onPath], why: "the first on PATH" } : undefined;
}

/** Whether two choices start the same server. */
export function isSame(one: Choice | undefined, other: Choice | undefined): boolean {
  return JSON.stringify(one?.command) === JSON.stringify(other?.command);
}
