// One Lory a window: takes settings, trust and interpreters as they change, keeps its server right.

import * as vscode from "vscode";
import { Choice, chooseServer, isSame } from "./choice";
import { Server } from "./client";
import { Environment } from "./environment";
import { watchSelectedPython } from "./selected_python";
import { isOn, languagesOn, SECTION } from "./settings";
import { WorkingFolder } from "./working_folder";

export class Lory implements vscode.Disposable {
  readonly server: Server;
  readonly environment: Environment;
  readonly folder: WorkingFolder;
  /** The server that runs, and why that one; undefined where there is none. */
  choice: Choice | undefined;
  /** What the server that runs was started for. */
  private startedFor = "";
  private work: Promise<void> = Promise.resolve();
  private readonly disposables: vscode.Disposable[] = [];
  private readonly choices = new vscode.EventEmitter<void>();
  /** Another server was chosen, or none was found. */
  readonly onDidChoose = this.choices.event;

  constructor(
    context: vscode.ExtensionContext,
    readonly log: vscode.LogOutputChannel,
  ) {
    this.folder = new WorkingFolder(context);
    this.server = new Server(this.folder, log);
    this.environment = new Environment(context, this.folder, log);
    this.disposables.push(
      this.server,
      this.choices,
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration(SECTION)) {
          void this.follow();
        }
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.restart()),
    );
  }

  /** Start for the first time, and offer to make an environment where there is no server. */
  async begin(): Promise<void> {
    await this.restart();
    this.disposables.push(await watchSelectedPython(() => void this.follow()));
    await this.environment.tidy();
    if (!this.choice) {
      await this.offerEnvironment("no Lory was found on this machine", "Make environment");
    } else if (await this.environment.isOutdated()) {
      await this.offerEnvironment("its environment is of another version", "Renew environment");
    }
  }

  /** Choose the server anew and start it, whatever runs. */
  restart(): Promise<void> {
    return this.enqueue(async () => this.startChosen(await chooseServer(this.environment)));
  }

  /** Start another server only where the choice is, or what text it may be sent. */
  follow(): Promise<void> {
    return this.enqueue(async () => {
      const choice = await chooseServer(this.environment);
      if (!isSame(choice, this.choice) || this.startedFor !== wantedText()) {
        await this.startChosen(choice);
      }
    });
  }

  /** Make the environment, and start its server. */
  async makeEnvironment(): Promise<void> {
    if (await this.environment.make()) {
      await this.restart();
    }
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  private async offerEnvironment(reason: string, action: string): Promise<void> {
    const message = `Lory: ${reason}. It can make a virtual environment of its own (270 MB).`;
    if (await vscode.window.showInformationMessage(message, action)) {
      await this.makeEnvironment();
    }
  }

  private async startChosen(choice: Choice | undefined): Promise<void> {
    this.choice = choice;
    this.startedFor = wantedText();
    if (!isOn()) {
      await this.server.turnOff();
    } else if (choice) {
      await this.server.start(choice);
    } else {
      this.log.warn("No server: lory.command is empty, and no environment and no PATH has lory.");
      await this.server.stop();
    }
    this.choices.fire();
  }

  /** One change of the server after the other. */
  private enqueue(work: () => Promise<void>): Promise<void> {
    this.work = this.work.then(work).catch((error) => this.log.error(String(error)));
    return this.work;
  }
}

/** Languages whose text a server is sent; what it was not sent before, it gets by a new start. */
function wantedText(): string {
  return isOn() ? languagesOn().join() : "none";
}
