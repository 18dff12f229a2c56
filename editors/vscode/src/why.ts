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
  const language = editor.document.languageId;
  if (!languagesOn().includes(language)) {
    const text = `Lory: Nothing is shown here: language '${language}' is off.`;
    if (await vscode.window.showInformationMessage(text, "Turn on")) {
      await vscode.commands.executeCommand("lory.toggleLanguage");
    }
    return;
  }
  const found = await lory.server.explain(editor.document, editor.selection.active);
  if (!found) {
    await vscode.window.showInformationMessage("Lory: Nothing is shown: no server runs.");
    return;
  }
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
