// The environment made with one click: takes the wheel in this extension, gives a `lory` to run.

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import { EnvironmentFolders, Finished } from "./environment_folders";
import { findBeside, findOnPath, interpreterOf, run } from "./programs";
import { selectedPython } from "./selected_python";
import { WorkingFolder } from "./working_folder";

const VERSIONS = ["3.14", "3.13", "3.12", "3.11"];
const NAMES = ["python3", "python", ...VERSIONS.map((version) => `python${version}`)];
/** Python's word for: import nothing from the working folder, nor from where PYTHONPATH says. */
const ISOLATED = "-I";
const PROBE = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

/** What the extension carries. */
interface Wheel {
  readonly file: string;
  readonly hash: string;
}

/** Why the environment cannot be made; its message is for people. */
class EnvironmentError extends Error {}

export class Environment {
  private readonly folders: EnvironmentFolders;
  private readonly wheels: string;
  private carried: Promise<Wheel | undefined> | undefined;
  private making: Promise<boolean> | undefined;

  constructor(
    context: vscode.ExtensionContext,
    private readonly workingFolder: WorkingFolder,
    private readonly log: vscode.LogOutputChannel,
  ) {
    const root = path.join(context.globalStorageUri.fsPath, "environments");
    this.folders = new EnvironmentFolders(root, log);
    this.wheels = path.join(context.extensionPath, "wheel");
  }

  /** The environment's `lory`, where one was made to its end. */
  async find(): Promise<string | undefined> {
    const used = await this.used();
    return used && programOf(used.folder);
  }

  /** Whether it was made from another wheel than the one in this extension. */
  async isOutdated(): Promise<boolean> {
    const [used, carried] = [await this.used(), await this.wheel()];
    return used !== undefined && carried !== undefined && used.wheel !== carried.hash;
  }

  /** Remove older environments and leftovers, as far as no window needs them. */
  async tidy(): Promise<void> {
    await this.folders.tidy(await this.used());
  }

  /** Make another, with progress, one at a time; whether that went well. What was there stays. */
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
    const python = await this.findPython();
    const folder = await this.folders.create(wheel.hash);
    this.log.info(`Making ${folder} with ${python}`);
    try {
      tell("making a virtual environment");
      await this.step([python, ISOLATED, "-m", "venv", folder], token);
      await this.installWheel(folder, wheel, tell, token);
      await this.folders.finish(folder, wheel.hash);
    } catch (error) {
      await this.folders.remove(folder);
      throw error;
    }
  }

  private async installWheel(
    folder: string,
    wheel: Wheel,
    tell: (message: string) => void,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const pip = [interpreterOf(folder), ISOLATED, "-m", "pip", "install"];
    const quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar=off"];
    await this.step([...pip, ...quiet, wheel.file], token, (line) => {
      const doing = /^(Collecting|Downloading|Installing) ?(collected packages)?\s*\S*/.exec(line);
      if (doing) {
        tell(doing[0].trim());
      }
    });
  }

  private async step(
    command: readonly string[],
    token: vscode.CancellationToken,
    tell: (line: string) => void = () => undefined,
  ): Promise<void> {
    let last = "";
    const ended = await run(command, await this.workingFolder.make(), token, (line) => {
      this.log.info(line);
      tell(line);
      last = /^error/i.test(line) ? line : last;
    });
    if (token.isCancellationRequested) {
      throw new vscode.CancellationError();
    }
    if (ended.code !== 0) {
      const found = last || `exit code ${ended.code}`;
      throw new EnvironmentError(`${command.slice(2, 5).join(" ")} failed: ${found}; see the log`);
    }
  }

  /** An interpreter that will do: the selected one, or one on PATH. */
  private async findPython(): Promise<string> {
    const candidates = [await selectedPython()];
    for (const name of NAMES) {
      candidates.push(await findOnPath(name));
    }
    for (const python of candidates) {
      if (python && (await this.isFit(python))) {
        return python;
      }
    }
    const found = candidates.filter((python) => python !== undefined).join(", ") || "none";
    throw new EnvironmentError(
      `expected Python 3.11 or newer with venv on PATH, found ${found}; ` +
        "install it (on Debian with python3-venv) and try again",
    );
  }

  private async isFit(python: string): Promise<boolean> {
    const folder = await this.workingFolder.make();
    try {
      return (await run([python, ISOLATED, "-c", PROBE], folder)).code === 0;
    } catch {
      return false; // a link to nowhere
    }
  }

  /** The latest that was made of the carried wheel, or else the latest of any. */
  private async used(): Promise<Finished | undefined> {
    const [finished, carried] = [await this.folders.finished(), await this.wheel()];
    const own = finished.filter(({ wheel }) => wheel === carried?.hash);
    for (const made of [...own, ...finished]) {
      if (await programOf(made.folder)) {
        return made;
      }
    }
    return undefined;
  }

  private wheel(): Promise<Wheel | undefined> {
    this.carried ??= findWheel(this.wheels);
    return this.carried;
  }
}

function programOf(folder: string): Promise<string | undefined> {
  return findBeside(interpreterOf(folder), "lory");
}

async function findWheel(folder: string): Promise<Wheel | undefined> {
  const names = await readdir(folder).catch(() => []);
  const name = names.find((candidate) => candidate.endsWith(".whl"));
  if (name === undefined) {
    return undefined;
  }
  const file = path.join(folder, name);
  return { file, hash: createHash("sha256").update(await readFile(file)).digest("hex") };
}
