// The user's settings: takes what VS Code has under `lory`, gives what the server is told of them.

import * as vscode from "vscode";

export const SECTION = "lory";

/** Settings that are the extension's own; all others are the server's. */
const OWN = new Set(["command"]);

/** Lists that add up: a workspace may exclude more than its user, never less. */
const JOINED = new Set(["exclude"]);

/** What the server is told: only what somebody has set, so that it alone holds the defaults. */
export function serverSettings(): Record<string, unknown> {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const told: Record<string, unknown> = {};
  for (const name of settingNames(configuration)) {
    const values = OWN.has(name) ? [] : valuesOf(name);
    if (values.length > 0) {
      told[name] = JOINED.has(name) ? joined(values) : configuration.get(name);
    }
  }
  return told;
}

/** The command that `lory` is to be called by; empty where it is to be found. */
export function givenCommand(): string[] {
  const command = vscode.workspace.getConfiguration(SECTION).get<unknown>("command");
  return Array.isArray(command) ? command.map(String) : [];
}

/** Whether Lory is turned on at all. */
export function isOn(): boolean {
  return vscode.workspace.getConfiguration(SECTION).get<boolean>("enabled") === true;
}

/** Language ids that are on, sorted. */
export function languagesOn(): string[] {
  const languages = vscode.workspace.getConfiguration(SECTION).get<unknown>("languages");
  return Object.entries(languages ?? {})
    .filter(([, on]) => on === true)
    .map(([language]) => language)
    .sort();
}

/** Turn everything on or off, where it is set already or else for the user. */
export async function toggle(): Promise<void> {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  await configuration.update("enabled", !isOn(), targetOf(configuration, "enabled"));
}

/** Turn one language on or off. */
export async function toggleLanguage(language: string): Promise<void> {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const target = targetOf(configuration, "languages");
  const found = configuration.inspect<Record<string, boolean>>("languages");
  const here =
    target === vscode.ConfigurationTarget.Workspace ? found?.workspaceValue : found?.globalValue;
  const on = languagesOn().includes(language);
  await configuration.update("languages", { ...here, [language]: !on }, target);
}

function settingNames(configuration: vscode.WorkspaceConfiguration): string[] {
  return Object.keys(configuration).filter((name) => configuration.inspect(name) !== undefined);
}

/** What the user, the workspace and each of its folders have set. */
function valuesOf(name: string): unknown[] {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const found = [undefined, ...folders.map(({ uri }) => uri)].flatMap((scope) => {
    const value = vscode.workspace.getConfiguration(SECTION, scope).inspect(name);
    return [value?.globalValue, value?.workspaceValue, value?.workspaceFolderValue];
  });
  return found.filter((value) => value !== undefined);
}

/** All members of lists; what is no list as it is, for the server to say so. */
function joined(values: unknown[]): unknown {
  const wrong = values.find((value) => !Array.isArray(value));
  return wrong === undefined ? [...new Set(values.flat())] : wrong;
}

function targetOf(
  configuration: vscode.WorkspaceConfiguration,
  name: string,
): vscode.ConfigurationTarget {
  const set = configuration.inspect(name)?.workspaceValue !== undefined;
  return set ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
}
