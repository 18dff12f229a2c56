// The extension: takes VS Code's start, gives Lory with its status item and commands.

import * as vscode from "vscode";
import { Lory } from "./lory";
import { registerCommands } from "./commands";
import { StatusItem } from "./status_item";

let lory: Lory | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Lory", { log: true });
  lory = new Lory(context, log);
  context.subscriptions.push(log, lory, new StatusItem(lory), ...registerCommands(lory));
  void lory.begin();
}

export async function deactivate(): Promise<void> {
  await lory?.server.stop();
}
