// The environment made with one click: takes the wheel in this extension, gives a `lory` to run.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import { selectedPython } from "./choice";
import { findBeside, findOnPath, interpreterOf, run } from "./programs";

const VERSIONS = ["3.14", "3.13", "3.12", "3.11"];
const NAMES = ["python3", "python", ...VERSIONS.map((version) => `python${version}`)];
const PROBE = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

/** What is written last, so that a half-made environment is none. */
const MARKER = "lory.json";

/** Why the environment cannot be made; its message is for people. */
class EnvironmentError extends Error {}

export class Environment {
  private readonly folder: string;
  private readonly wheels: string;
  private making: Promise<boolean> | undefined;

  constructor(
    context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.folder = path.join(context.globalStorageUri.fsPath, "environment");
    this.wheels = path.join(context.extensionPath, "wheel");
  }

  /** The environment's `lory`, where it was made to its end. */
  async find(): Promise<string | undefined> {
    return (await this.madeFrom()) && findBeside(interpreterOf(this.folder), "lory");
  }

  /** Whether it was made from another wheel than the one in this extension. */
  async isOutdated(): Promise<boolean> {
    const [made, carried] = [await this.madeFrom(), await this.wheel()];
    return made !== undefined && carried !== undefined && made !== (await hash(carried));
  }

  /** Make it anew, with progress, one at a time; whether it is there then. */
  make(): Promise<boolean> {
    this.making ??= this.makeWithProgress().finally(() => {
      this.making = undefined;
    });
    return this.making;
  }

  private async makeWithProgress(): Promise<boolean> {
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: "Lory: making its environment",
      cancellable: true,
    };
    try {
      await vscode.window.withProgress(options, (progress, token) =>
        this.install((message) => progress.report({ message }), token),
      );
      return true;
    } catch (error) {
      await rm(this.folder, { recursive: true, force: true });
      if (error instanceof vscode.CancellationError) {
        this.log.info("Making the environment was cancelled; what was there of it is gone.");
      } else {
        this.tell(error);
      }
      return false;
    }
  }

  private tell(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.log.error(message);
    void vscode.window.showErrorMessage(`Lory: ${message}`, "Show log").then((chosen) => {
      if (chosen) {
        this.log.show();
      }
    });
  }

  private async install(
    tell: (message: string) => void,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const wheel = await this.wheel();
    if (!wheel) {
      throw new EnvironmentError(
        "expected a wheel of Lory in this extension, found none; build it with: npm run package",
      );
    }
    tell("looking for Python 3.11 or newer");
    const python = await findPython();
    this.log.info(`Making ${this.folder} with ${python}`);
    await rm(this.folder, { recursive: true, force: true });
    await mkdir(path.dirname(this.folder), { recursive: true });
    tell("making a virtual environment");
    await this.step([python, "-m", "venv", this.folder], token);
    const pip = [interpreterOf(this.folder), "-m", "pip", "install"];
    const quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar=off"];
    await this.step([...pip, ...quiet, wheel], token, (line) => {
      const doing = /^(Collecting|Downloading|Installing) ?(collected packages)?\s*\S*/.exec(line);
      if (doing) {
        tell(doing[0].trim());
      }
    });
    await writeFile(path.join(this.folder, MARKER), JSON.stringify({ wheel: await hash(wheel) }));
  }

  private async step(
    command: readonly string[],
    token: vscode.CancellationToken,
    tell: (line: string) => void = () => undefined,
  ): Promise<void> {
    let last = "";
    const ended = await run(command, token, (line) => {
      this.log.info(line);
      tell(line);
      last = /^error/i.test(line) ? line : last;
    });
    if (token.isCancellationRequested) {
      throw new vscode.CancellationError();
    }
    if (ended.code !== 0) {
      const found = last || `exit code ${ended.code}`;
      throw new EnvironmentError(`${command.slice(1, 4).join(" ")} failed: ${found}; see the log`);
    }
  }

  /** The hash of the wheel that it was made from; undefined where it was not. */
  private async madeFrom(): Promise<string | undefined> {
    try {
      const marker: unknown = JSON.parse(await readFile(path.join(this.folder, MARKER), "utf8"));
      return String((marker as { wheel?: unknown }).wheel);
    } catch {
      return undefined;
    }
  }

  private async wheel(): Promise<string | undefined> {
    const names = await readdir(this.wheels).catch(() => []);
    const name = names.find((candidate) => candidate.endsWith(".whl"));
    return name && path.join(this.wheels, name);
  }
}

async function hash(file: string): Promise<string> {
  return createHash("sha256").update(await readFile(file)).digest("hex");
}

/** An interpreter that will do: the selected one, or one on PATH. */
async function findPython(): Promise<string> {
  const candidates = [await selectedPython()];
  for (const name of NAMES) {
    candidates.push(await findOnPath(name));
  }
  for (const python of candidates) {
    if (python && (await isFit(python))) {
      return python;
    }
  }
  const found = candidates.filter((python) => python !== undefined).join(", ") || "none";
  throw new EnvironmentError(
    `expected Python 3.11 or newer with venv on PATH, found ${found}; ` +
      "install it (on Debian with python3-venv) and try again",
  );
}

async function isFit(python: string): Promise<boolean> {
  try {
    return (await run([python, "-c", PROBE])).code === 0;
  } catch {
    return false; // a link to nowhere
  }
}
