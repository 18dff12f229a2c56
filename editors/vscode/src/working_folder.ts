// A folder of Lory's own for the programs that it starts: Python imports from the one that it is started in, and a
// project must not lend its modules to them.

import { mkdir } from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";

export class WorkingFolder {
  private readonly path: string;

  constructor(context: vscode.ExtensionContext) {
    this.path = path.join(context.globalStorageUri.fsPath, "working-folder");
  }

  /** Its path; it is there, and nobody else may write to it. */
  async make(): Promise<string> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    return this.path;
  }
}
