// Why nothing was shown here: takes the cursor, shows one sentence and, asked for, every station.

import * as vscode from "vscode";
import { Lory } from "./lory";
import { Explanation } from "./messages";
import { ReadOnlyDocuments } from "./read_only_documents";
import { languagesOn } from "./settings";

/** Tell what became of the last request at the cursor. */
export async function explainHere(lory: Lory, documents: ReadOnlyDocuments): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    await vscode.window.showInformationMessage("Lory: open a file and put the cursor somewhere.");
    return;
  }
  const obstacle = obstacleFor(lory, editor.document.languageId);
  if (obstacle) {
    await offer(obstacle);
    return;
  }
  const found = await lory.server.explain(editor.document, editor.selection.active);
  if (found) {
    await tell(found, documents);
  } else {
    const reason = `no server runs (${lory.server.status.message})`;
    await offer({ reason, action: "Show log", command: "lory.showLog" });
  }
}

/** What keeps everything from being shown, and the command to go on with. */
interface Obstacle {
  readonly reason: string;
  readonly action: string;
  readonly command: string;
}

function obstacleFor(lory: Lory, language: string): Obstacle | undefined {
  if (lory.server.status.state === "off") {
    return { reason: "Lory is turned off", action: "Turn on", command: "lory.toggle" };
  }
  if (!lory.choice) {
    const command = "lory.makeEnvironment";
    return { reason: "no server was found", action: "Make environment", command };
  }
  if (!languagesOn().includes(language)) {
    const reason = `language '${language}' is off`;
    return { reason, action: "Turn on", command: "lory.toggleLanguage" };
  }
  return undefined;
}

async function offer({ reason, action, command }: Obstacle): Promise<void> {
  const text = `Lory: Nothing is shown here: ${reason}.`;
  if (await vscode.window.showInformationMessage(text, action)) {
    await vscode.commands.executeCommand(command);
  }
}

async function tell(found: Explanation, documents: ReadOnlyDocuments): Promise<void> {
  const actions = found.request ? ["Details"] : [];
  if (await vscode.window.showInformationMessage(`Lory: ${found.summary}`, ...actions)) {
    await documents.show("Lory, why.txt", describe(found));
  }
}

function describe(found: Explanation): string {
  const stations = found.request?.stations ?? [];
  const width = Math.max(...stations.map(({ station }) => station.length));
  const lines = stations.map(
    ({ station, verdict, detail }) =>
      `${verdict === "passed" ? "✓" : "✗"} ${station.padEnd(width)}  ${detail}`,
  );
  const { line = 0, character = 0 } = found.request?.position ?? {};
  const place = `The request at line ${line + 1}, column ${character + 1}, station by station:`;
  return [found.summary, "", place, "", ...lines, ""].join("\n");
}
