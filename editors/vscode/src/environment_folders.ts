// Folders of environments: takes the extension's storage, gives those that are made to their end.

import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";

/** What is written last and removed first, so that half an environment is none. */
const MARKER = "lory.json";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** An environment that was made to its end. */
export interface Finished {
  readonly folder: string;
  /** The hash of the wheel that it was made from. */
  readonly wheel: string;
  /** When it was finished, in milliseconds since 1970. */
  readonly time: number;
}

/** All windows share them, so each making has a folder of its own and touches no other. */
export class EnvironmentFolders {
  constructor(
    private readonly root: string,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** Those made to their end, the latest first. */
  async finished(): Promise<Finished[]> {
    const found = await Promise.all((await this.all()).map(readMarker));
    return found.filter((made) => made !== undefined).sort((one, other) => other.time - one.time);
  }

  /** An empty folder for an environment of a wheel. */
  async create(wheel: string): Promise<string> {
    await mkdir(this.root, { recursive: true });
    return mkdtemp(path.join(this.root, `${wheel.slice(0, 12)}-`));
  }

  /** Say that an environment is made to its end. */
  async finish(folder: string, wheel: string): Promise<void> {
    await writeFile(path.join(folder, MARKER), JSON.stringify({ wheel }));
  }

  /** Remove one as far as that goes: Windows keeps files that are in use. */
  async remove(folder: string): Promise<void> {
    try {
      await rm(path.join(folder, MARKER), { force: true });
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      this.log.debug(`Not removed for now: ${String(error)}`);
    }
  }

  /** Remove what the one in use has replaced, and what was never finished. */
  async tidy(used: Finished | undefined): Promise<void> {
    const finished = await this.finished();
    const folders = new Set(finished.map(({ folder }) => folder));
    const unfinished = (await this.all()).filter((folder) => !folders.has(folder));
    for (const folder of unfinished) {
      if (await isOlder(folder, HOUR_MS)) {
        await this.remove(folder); // a younger one another window may be making
      }
    }
    // Servers of windows opened before the replacement may still import from theirs: a day's grace.
    if (used && Date.now() - used.time > DAY_MS) {
      for (const { folder } of finished.filter(({ time }) => time < used.time)) {
        await this.remove(folder);
      }
    }
  }

  private async all(): Promise<string[]> {
    const names = await readdir(this.root).catch(() => []);
    return names.map((name) => path.join(this.root, name));
  }
}

async function readMarker(folder: string): Promise<Finished | undefined> {
  const file = path.join(folder, MARKER);
  try {
    const marker: unknown = JSON.parse(await readFile(file, "utf8"));
    const wheel = String((marker as { wheel?: unknown }).wheel);
    return { folder, wheel, time: (await stat(file)).mtimeMs };
  } catch {
    return undefined;
  }
}

async function isOlder(folder: string, ms: number): Promise<boolean> {
  try {
    return Date.now() - (await stat(folder)).mtimeMs > ms;
  } catch {
    return false; // another window has just removed it
  }
}
