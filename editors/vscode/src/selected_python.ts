// The interpreter that the Python extension has selected: gives its path, tells of another.

import { PVSC_EXTENSION_ID, PythonExtension } from "@vscode/python-extension";
import * as vscode from "vscode";

/** The selected interpreter; a workspace that is not trusted must not choose a program. */
export async function selectedPython(): Promise<string | undefined> {
  const python = await pythonExtension();
  if (!python || !vscode.workspace.isTrusted) {
    return undefined;
  }
  const folder = vscode.workspace.workspaceFolders?.[0];
  const active = python.environments.getActiveEnvironmentPath(folder);
  const environment = await python.environments.resolveEnvironment(active);
  return environment?.executable.uri?.fsPath;
}

/** Calls back whenever another interpreter is selected. */
export async function watchSelectedPython(changed: () => void): Promise<vscode.Disposable> {
  const python = await pythonExtension();
  const event = python?.environments.onDidChangeActiveEnvironmentPath;
  return event?.(changed) ?? new vscode.Disposable(() => undefined);
}

async function pythonExtension(): Promise<PythonExtension | undefined> {
  if (!vscode.extensions.getExtension(PVSC_EXTENSION_ID)) {
    return undefined;
  }
  try {
    const python = await PythonExtension.api();
    await python.ready;
    return python;
  } catch {
    return undefined; // it is there but does not start
  }
}
