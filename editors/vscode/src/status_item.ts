// The item in the status bar: takes what the server says, and whether this file is read; shows it.

import * as vscode from "vscode";
import { Explanation } from "./messages";
import { Lory } from "./lory";
import { languagesOn } from "./settings";

const COMMANDS: readonly (readonly [string, string])[] = [
  ["Why was nothing shown here?", "lory.why"],
  ["Turn on or off", "lory.toggle"],
  ["Turn on or off for this language", "lory.toggleLanguage"],
  ["Restart", "lory.restart"],
  ["Show log", "lory.showLog"],
  ["Show statistics", "lory.showStatistics"],
  ["Models…", "lory.models"],
  ["Open settings", "lory.openSettings"],
];

/** What the item looks like. */
interface Look {
  readonly icon: string;
  readonly detail: string;
  readonly words: string;
  /** What a click does. */
  readonly command: string;
  readonly background?: string;
}

export class StatusItem implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly disposables: vscode.Disposable[];
  private here: Explanation | undefined;
  private asked = 0;

  constructor(private readonly lory: Lory) {
    this.item = vscode.window.createStatusBarItem("status", vscode.StatusBarAlignment.Right, 100);
    this.item.name = "Lory";
    let told = lory.server.status;
    this.disposables = [
      this.item,
      lory.onDidChoose(() => this.refresh()),
      lory.server.onDidChange(() => {
        const isNews = told !== lory.server.status;
        told = lory.server.status;
        if (isNews) {
          void this.refresh();
        } else {
          this.draw();
        }
      }),
      vscode.window.onDidChangeActiveTextEditor(() => this.refresh()),
      vscode.workspace.onDidOpenTextDocument(() => this.refresh()), // another language, too
    ];
    this.draw();
    this.item.show();
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  /** Ask whether the file in front is read; only the last answer counts. */
  private async refresh(): Promise<void> {
    this.draw();
    const asked = ++this.asked;
    const document = vscode.window.activeTextEditor?.document;
    try {
      const here = document && (await this.lory.server.explain(document));
      if (asked === this.asked) {
        this.here = here;
        this.draw();
      }
    } catch (error) {
      this.lory.log.debug(`No explanation: ${String(error)}`); // the server has just ended
    }
  }

  private draw(): void {
    const look = this.look();
    this.item.text = `$(${look.icon}) Lory${look.words && `: ${look.words}`}`;
    this.item.tooltip = tooltip(look.detail, this.lory.choice?.why);
    this.item.command = look.command;
    this.item.backgroundColor = look.background && new vscode.ThemeColor(look.background);
    this.item.accessibilityInformation = { label: `Lory: ${look.words || look.detail}` };
  }

  private look(): Look {
    const { status, pending } = this.lory.server;
    if (status.state === "off") {
      const detail = "Lory is turned off. Click to turn it on.";
      return { icon: "circle-slash", words: "off", detail, command: "lory.toggle" };
    }
    if (!this.lory.choice) {
      const detail = "No server was found. Click to make an environment for it.";
      const background = "statusBarItem.warningBackground";
      const command = "lory.makeEnvironment";
      return { icon: "circle-slash", words: "no server", detail, command, background };
    }
    switch (status.state) {
      case "error": {
        const background = "statusBarItem.errorBackground";
        const command = "lory.showLog";
        return { icon: "error", words: "error", detail: status.message, command, background };
      }
      case "loading": {
        const words = `loading ${status.percent} %`;
        return { icon: "loading~spin", words, detail: status.message, command: "lory.showLog" };
      }
    }
    const reason = this.reason();
    if (reason) {
      return { icon: "circle-slash", words: "off here", detail: reason, command: "lory.why" };
    }
    const [icon, words] = pending ? ["loading~spin", "completing"] : ["sparkle", status.label ?? ""];
    return { icon, words, detail: `Ready: ${status.message}`, command: "lory.why" };
  }

  /** Why the file in front is not read; empty where it is, or where there is none. */
  private reason(): string {
    const document = vscode.window.activeTextEditor?.document;
    if (!document || !["file", "untitled"].includes(document.uri.scheme)) {
      return "";
    }
    if (!languagesOn().includes(document.languageId)) {
      return `Off here: language '${document.languageId}' is off`;
    }
    return this.here && !this.here.read ? `Off here: ${this.here.reason}` : "";
  }
}

function tooltip(detail: string, why: string | undefined): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.isTrusted = { enabledCommands: COMMANDS.map(([, command]) => command) };
  text.appendText(detail);
  if (why) {
    text.appendMarkdown("\n\n").appendText(`Server: ${why}`);
  }
  text.appendMarkdown("\n\n---\n\n");
  text.appendMarkdown(COMMANDS.map(([title, name]) => `[${title}](command:${name})`).join("  \n"));
  return text;
}
