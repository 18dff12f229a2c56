// The running server: takes a command, gives its ghost text to VS Code and its status to listeners.

import * as vscode from "vscode";
import {
  ClientCapabilities,
  CloseAction,
  CloseHandlerResult,
  DidChangeConfigurationNotification,
  ErrorAction,
  ErrorCodes,
  LanguageClient,
  LanguageClientOptions,
  ResponseError,
  RevealOutputChannelOn,
  State,
  StaticFeature,
} from "vscode-languageclient/node";
import { Choice } from "./choice";
import { EXPLAIN, Explanation, Status, STATUS } from "./messages";
import { tellLines } from "./programs";
import { languagesOn, SECTION, serverSettings } from "./settings";
import { WorkingFolder } from "./working_folder";

const SCHEMES = ["file", "untitled"];

/** So many ends within so long, and the server is not started again. */
const RESTARTS = 4;
const RESTARTS_WITHIN_MS = 180_000;

/** Before a server says anything itself. */
const STARTING: Status = { state: "loading", percent: 0, message: "starting the server" };

/** What the client says of itself beyond the protocol; the status item takes the place of a bar. */
const CAPABILITIES: StaticFeature = {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    capabilities.experimental = { ...capabilities.experimental, loryStatus: true };
    capabilities.window = { ...capabilities.window, workDoneProgress: false };
  },
  initialize: () => undefined,
  getState: () => ({ kind: "static" }),
  clear: () => undefined,
};

export class Server implements vscode.Disposable {
  /** What the server said last of its engine. */
  status = STARTING;
  /** How many requests for ghost text are without an answer. */
  pending = 0;
  private client: LanguageClient | undefined;
  private ends: number[] = [];
  private readonly changes = new vscode.EventEmitter<void>();
  /** The status or the number of pending requests is another. */
  readonly onDidChange = this.changes.event;

  constructor(
    private readonly folder: WorkingFolder,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** Start, with the languages that are on; ends the one that ran. */
  async start(choice: Choice): Promise<void> {
    await this.stop();
    const [command = "", ...rest] = [...choice.command, "lsp"];
    this.log.info(`Starting ${[command, ...rest].join(" ")} (${choice.why})`);
    this.tell(STARTING);
    const client = new LanguageClient(
      SECTION,
      "Lory",
      { command, args: rest, options: { cwd: await this.folder.make() } },
      this.options(),
    );
    client.registerFeature(CAPABILITIES);
    client.onNotification(STATUS, (status) => this.tell(status));
    client.onDidChangeState(({ newState }) => {
      if (newState === State.StartFailed) {
        void this.tellFailure(client);
      }
    });
    this.client = client;
    await client.start().catch(() => undefined); // `tellFailure` knows
  }

  /** End the server because Lory is turned off. */
  async turnOff(): Promise<void> {
    await this.stop();
    this.tell({ state: "off", percent: 100, message: "turned off" });
  }

  /** End the server; every request is answered or cancelled first. */
  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.status = STARTING;
    this.pending = 0;
    this.ends = [];
    try {
      await client?.dispose();
    } catch (error) {
      this.log.warn(`The server did not end by itself: ${String(error)}`);
    }
  }

  /** What became of a document's last request, or of the one at a place; undefined: no server. */
  async explain(
    document: vscode.TextDocument,
    position?: vscode.Position,
  ): Promise<Explanation | undefined> {
    const client = this.client;
    if (!client?.isRunning()) {
      return undefined;
    }
    const converter = client.code2ProtocolConverter;
    return client.sendRequest(EXPLAIN, {
      textDocument: converter.asTextDocumentIdentifier(document),
      position: position && converter.asPosition(position),
    });
  }

  dispose(): void {
    this.changes.dispose();
    void this.stop();
  }

  private options(): LanguageClientOptions {
    const languages = languagesOn();
    return {
      documentSelector: languages.flatMap((language) =>
        SCHEMES.map((scheme) => ({ scheme, language })),
      ),
      initializationOptions: { trusted: vscode.workspace.isTrusted },
      outputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      stdioOptions: {
        stdout: () => undefined, // it is the connection
        stderr: (stream, log) => tellLines(stream, (line) => log.info(line)),
      },
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => this.ended(),
      },
      middleware: {
        provideInlineCompletionItems: async (document, position, context, token, next) => {
          this.count(1);
          try {
            return await next(document, position, context, token);
          } finally {
            this.count(-1);
          }
        },
        workspace: {
          configuration: (params) =>
            params.items.map((item) => (item.section === SECTION ? serverSettings() : null)),
          didChangeConfiguration: async () =>
            this.client?.sendNotification(DidChangeConfigurationNotification.type, {
              settings: { [SECTION]: serverSettings() },
            }),
        },
      },
    };
  }

  private count(change: number): void {
    this.pending = Math.max(0, this.pending + change);
    this.changes.fire();
  }

  private tell(status: Status): void {
    this.status = status;
    this.changes.fire();
  }

  /** A start has failed, the first or a later one, which only the client's own promise knows. */
  private async tellFailure(client: LanguageClient): Promise<void> {
    try {
      await client.start(); // what has begun already, not another start
    } catch (error) {
      if (client === this.client && !isEnd(error)) {
        const message = error instanceof Error ? error.message : String(error);
        this.tell({ state: "error", percent: 0, message: `the server does not start: ${message}` });
        this.log.error(this.status.message);
      }
    }
  }

  /** The server has ended by itself: start it again, unless it does so again and again. */
  private ended(): CloseHandlerResult {
    const now = Date.now();
    this.ends = [...this.ends.filter((end) => now - end < RESTARTS_WITHIN_MS), now];
    this.pending = 0;
    if (this.ends.length <= RESTARTS) {
      this.log.warn("The server ended; it is started again.");
      this.tell({ state: "loading", percent: 0, message: "the server ended, starting it again" });
      return { action: CloseAction.Restart, handled: true };
    }
    const message = `the server ended ${this.ends.length} times within three minutes`;
    this.log.error(message);
    this.tell({ state: "error", percent: 0, message });
    return { action: CloseAction.DoNotRestart, handled: true };
  }
}

/** Whether a start has failed because the server ended, of which `ended` tells. */
function isEnd(error: unknown): boolean {
  return error instanceof ResponseError && error.code === ErrorCodes.PendingResponseRejected;
}
