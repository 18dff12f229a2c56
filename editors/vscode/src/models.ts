// The models that are kept: takes Lory, lets its user choose one, add others and remove them by `lory model`.

import * as vscode from "vscode";
import { Lory } from "./lory";
import { run } from "./programs";

/** The program's word for: this was asked, and not accepted yet. */
const LICENCE = "--accept-licence";
const REMOVE: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon("trash"),
  tooltip: "Remove",
};

/** What `lory model list --json` prints. */
interface Listing {
  readonly models: readonly Model[];
  readonly known: readonly Known[];
}

interface Model {
  readonly name: string;
  readonly in_use: boolean;
  readonly title: string;
  readonly languages: readonly string[];
  readonly bytes: number;
  readonly licence: string;
  readonly fault: string;
}

/** One that is not kept, and can be added by its name. */
interface Known {
  readonly name: string;
  readonly licence: string;
  readonly about: string;
}

interface Entry extends vscode.QuickPickItem {
  readonly act: () => Promise<void>;
  readonly remove?: () => Promise<void>;
}

/** Show them all, and do what is chosen. */
export async function showModels(lory: Lory): Promise<void> {
  if (!lory.choice) {
    await vscode.window.showInformationMessage("Lory: no server was found, so no models.");
    return;
  }
  await told(lory, async () => {
    const listing: Listing = JSON.parse((await call(lory, ["list", "--json"])).stdout);
    await (await pick(entriesOf(lory, listing)))?.();
  });
}

function entriesOf(lory: Lory, { models, known }: Listing): Entry[] {
  return [
    ...models.map((model) => ({
      label: model.in_use ? `$(check) ${model.name}` : model.name,
      description: model.fault ? "cannot be used" : model.title,
      detail: model.fault || detailOf(model),
      buttons: model.name === "shipped" ? [] : [REMOVE],
      act: () => use(lory, model.name),
      remove: () => remove(lory, model.name),
    })),
    ...known.map(({ name, about, licence }) => ({
      label: `$(cloud-download) Add ${name}`,
      description: about,
      detail: licence,
      act: () => add(lory, name),
    })),
    { label: "$(add) Add another…", act: () => addAnother(lory) },
  ];
}

function detailOf({ languages, bytes, licence }: Model): string {
  return [languages.join(", "), `${(bytes / 1e6).toFixed(0)} MB`, licence].filter(Boolean).join("; ");
}

/** What is to be done; undefined where nothing is chosen. */
function pick(entries: readonly Entry[]): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve) => {
    const list = vscode.window.createQuickPick<Entry>();
    list.title = "Lory: the models that are kept";
    list.placeholder = "Complete with this one";
    list.items = entries;
    list.onDidAccept(() => {
      resolve(list.selectedItems[0]?.act);
      list.hide();
    });
    list.onDidTriggerItemButton(({ item }) => {
      resolve(item.remove);
      list.hide();
    });
    list.onDidHide(() => {
      resolve(undefined);
      list.dispose();
    });
    list.show();
  });
}

async function use(lory: Lory, name: string): Promise<void> {
  const { said } = await call(lory, ["use", name]);
  void vscode.window.showInformationMessage(`Lory: ${said}`);
}

async function remove(lory: Lory, name: string): Promise<void> {
  const question = `Lory: remove the model ${name} from this machine?`;
  if (await vscode.window.showWarningMessage(question, { modal: true }, "Remove")) {
    const { said } = await call(lory, ["remove", name]);
    void vscode.window.showInformationMessage(`Lory: ${said}`);
  }
}

async function addAnother(lory: Lory): Promise<void> {
  const prompt = "A bundle, a Hugging Face folder, a .gguf file, or a distribution that holds one";
  const source = await vscode.window.showInputBox({ title: "Lory: add a model", prompt });
  if (source) {
    await add(lory, source);
  }
}

/** Add a model; its licence is asked for, and only then anything is downloaded. */
async function add(lory: Lory, source: string): Promise<void> {
  const offer = await call(lory, ["add", source], [2]);
  let said = offer.said;
  if (offer.code !== 0) {
    if (!said.includes(LICENCE)) {
      throw new Error(said);
    }
    const licence = said.replace(/; accept it.*/, "");
    if (!(await vscode.window.showWarningMessage(`Lory: ${licence}`, { modal: true }, "Accept"))) {
      return;
    }
    said = (await call(lory, ["add", source, LICENCE])).said;
  }
  const name = /^(\S+) is kept/.exec(said)?.[1];
  if (name && (await vscode.window.showInformationMessage(`Lory: ${name} is kept.`, "Use it"))) {
    await use(lory, name);
  }
}

/** How a command ended, and the last line that it said. */
interface Called {
  readonly code: number | null;
  readonly stdout: string;
  readonly said: string;
}

/** Run `lory model` with progress; rejects with its last line for an end that is not expected. */
async function call(
  lory: Lory,
  words: readonly string[],
  expected: readonly (number | null)[] = [],
): Promise<Called> {
  const folder = await lory.folder.make();
  const command = [...(lory.choice?.command ?? []), "model", ...words];
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: `Lory: model ${words[0]}`,
    cancellable: true,
  };
  return vscode.window.withProgress(options, async (progress, token) => {
    const tell = (line: string): void => {
      if (words[0] === "add") {
        progress.report({ message: withoutName(line) });
      }
    };
    const { code, stdout, stderr } = await run(command, folder, token, tell);
    if (token.isCancellationRequested) {
      throw new vscode.CancellationError();
    }
    const said = withoutName(stderr.trim().split("\n").at(-1) ?? "");
    if (code !== 0 && !expected.includes(code)) {
      throw new Error(said || `exit code ${code}`);
    }
    return { code, stdout, said };
  });
}

function withoutName(line: string): string {
  return line.replace(/^lory: /, "");
}

/** Do something, and show why it cannot be done. */
async function told(lory: Lory, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof vscode.CancellationError) {
      return;
    }
    const message = error instanceof Error ? error.message : String(error);
    lory.log.error(`lory model: ${message}`);
    void vscode.window.showErrorMessage(`Lory: ${message}`);
  }
}
