// Programs on this machine: takes names and arguments, gives absolute paths and what they print.

import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import * as path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import * as vscode from "vscode";

const WINDOWS = process.platform === "win32";
const ENDING = WINDOWS ? ".exe" : "";

/** How a program ended. */
export interface Ended {
  /** null where it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The absolute path of a program on PATH; relative entries, which a project could fill, not. */
export async function findOnPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    const file = path.join(folder, name + ENDING);
    if (path.isAbsolute(folder) && (await isProgram(file))) {
      return file;
    }
  }
  return undefined;
}

/** The program of a Python environment, given its interpreter. */
export async function findBeside(python: string, name: string): Promise<string | undefined> {
  const folder = path.dirname(python);
  const places = WINDOWS ? [path.join(folder, "Scripts"), folder] : [folder];
  for (const place of places) {
    const file = path.join(place, name + ENDING);
    if (await isProgram(file)) {
      return file;
    }
  }
  return undefined;
}

/** The interpreter of a virtual environment. */
export function interpreterOf(environment: string): string {
  return path.join(environment, WINDOWS ? "Scripts" : "bin", "python" + ENDING);
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** Run a program to its end in a folder; its lines are told as they come. Rejects where it cannot start. */
export function run(
  command: readonly string[],
  folder: string,
  token?: vscode.CancellationToken,
  tell: (line: string) => void = () => undefined,
): Promise<Ended> {
  const [program = "", ...rest] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    const stopping = token?.onCancellationRequested(() => child.kill());
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    tellLines(child.stdout, tell);
    tellLines(child.stderr, tell);
    child.on("error", reject);
    child.on("close", (code) => {
      stopping?.dispose();
      resolve({ code, stdout, stderr });
    });
  });
}

/** Tell a stream's lines, each when it is whole and the last at the stream's end; no blank ones. */
export function tellLines(stream: Readable, tell: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Infinity }).on("line", (line) => {
    if (line.trim()) {
      tell(line.trimEnd());
    }
  });
}
