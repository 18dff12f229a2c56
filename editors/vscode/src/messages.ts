// What the server and this client say to each other beyond the protocol.

import { NotificationType, RequestType } from "vscode-languageclient/node";

/** What the engine does. */
export interface Status {
  readonly state: "loading" | "ready" | "off" | "error";
  readonly percent: number;
  readonly message: string;
  /** What the status bar adds to its own word, where another model than the bundle's completes. */
  readonly label?: string;
}

/** What one part of the server made of a request. */
export interface Station {
  readonly station: string;
  readonly verdict: "passed" | "stopped";
  readonly detail: string;
}

/** Why something was shown or was not. */
export interface Explanation {
  /** One sentence for people. */
  readonly summary: string;
  /** Whether the document's text is read at all, and if not, why. */
  readonly read: boolean;
  readonly reason: string;
  readonly state: string;
  readonly message: string;
  readonly request: {
    readonly position: { readonly line: number; readonly character: number };
    readonly ageMs: number;
    readonly shown: readonly string[];
    readonly stations: readonly Station[];
  } | null;
}

export interface ExplainParams {
  readonly textDocument: { readonly uri: string };
  readonly position?: { readonly line: number; readonly character: number };
}

export const STATUS = new NotificationType<Status>("lory/status");
export const EXPLAIN = new RequestType<ExplainParams, Explanation, void>("lory/explain");
