// The commands of the palette: takes Lory, gives what each does.

import * as vscode from "vscode";
import { Lory } from "./lory";
import { showModels } from "./models";
import { run } from "./programs";
import { ReadOnlyDocuments } from "./read_only_documents";
import { toggle, toggleLanguage } from "./settings";
import { explainHere } from "./why";

/** Register them all. */
export function registerCommands(lory: Lory): vscode.Disposable[] {
  const documents = new ReadOnlyDocuments();
  const actions: Record<string, () => unknown> = {
    "lory.toggle": toggle,
    "lory.toggleLanguage": toggleLanguageHere,
    "lory.restart": () => lory.restart(),
    "lory.showLog": () => lory.log.show(),
    "lory.showStatistics": () => showStatistics(lory, documents),
    "lory.models": () => showModels(lory),
    "lory.why": () => explainHere(lory, documents),
    "lory.openSettings": () =>
      vscode.commands.executeCommand("workbench.action.openSettings", "@ext:lory.lory"),
    "lory.makeEnvironment": () => lory.makeEnvironment(),
  };
  const commands = Object.entries(actions).map(([name, action]) =>
    vscode.commands.registerCommand(name, action),
  );
  return [documents, ...commands];
}

async function toggleLanguageHere(): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (!document) {
    await vscode.window.showInformationMessage("Lory: open a file of the language first.");
    return;
  }
  await toggleLanguage(document.languageId);
}

/** What the chosen server's `lory stats` prints. */
async function showStatistics(lory: Lory, documents: ReadOnlyDocuments): Promise<void> {
  const command = lory.choice?.command;
  if (!command) {
    await vscode.window.showInformationMessage("Lory: no server was found, so no statistics.");
    return;
  }
  try {
    const ended = await run([...command, "stats"], await lory.folder.make());
    if (ended.code !== 0) {
      throw new Error(ended.stderr.trim() || `exit code ${ended.code}`);
    }
    await documents.show("Lory statistics.txt", ended.stdout);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    lory.log.error(`lory stats: ${message}`);
    const text = "Lory: no statistics can be shown.";
    if (await vscode.window.showErrorMessage(text, "Show log")) {
      lory.log.show();
    }
  }
}
