/** What the main thread and a worker thread say to each other. Everything else they share stands in shared memory. */

import type { AccessKey } from "../config/keys-file.ts";
import type { Settings } from "../config/settings.ts";
import type { SourceSign } from "../invalidation/freshness.ts";
import type { ThreadFigures } from "../metrics/thread-figures.ts";
import type { Description } from "../upstream/describe-table.ts";

/** What a worker is born with. */
export interface WorkerBoot {
  /** From 1; a replacement has its predecessor's. */
  readonly worker: number;
  readonly settings: Settings;
  readonly upstreamUrl: string;
  /** The memory of the VersionClock and of the TableVersions. */
  readonly versions: SharedArrayBuffer;
  readonly tableVersions: SharedArrayBuffer;
  /** 0 = any free port. */
  readonly port: number;
  readonly signs: readonly Sign[];
  /** What callers sign with; undefined with `auth: none`. */
  readonly keys: readonly AccessKey[] | undefined;
  /** The process' name among the nodes that share Redis, and the memory of its barrier; undefined = none is shared. */
  readonly far: { readonly sender: string; readonly barrier: SharedArrayBuffer } | undefined;
}

/** A followed table's last sign of life; undefined = it is not followed any more. */
export type Sign = readonly [tableId: string, sign: SourceSign | undefined];

export type ToWorker =
  | { readonly kind: "figures"; readonly id: number }
  | { readonly kind: "described"; readonly id: number; readonly description: Description }
  | { readonly kind: "signs"; readonly signs: readonly Sign[]; readonly busCaughtUpAtMs: number }
  | { readonly kind: "keys"; readonly keys: readonly AccessKey[] }
  | { readonly kind: "stop" };

export type FromWorker =
  | { readonly kind: "listening"; readonly url: string; readonly port: number }
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "figures"; readonly id: number; readonly figures: ThreadFigures }
  | { readonly kind: "describe"; readonly id: number; readonly reference: string }
  | { readonly kind: "refresh"; readonly reference: string };

/** An error as it travels; structured cloning would lose what system errors say besides their message. */
export interface Failure {
  readonly message: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

const factNames = ["code", "syscall", "address", "port", "hostname"];

export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error), facts: {} };
  const facts = Object.entries(error).filter(([name]) => factNames.includes(name));
  return { message: error.message, facts: Object.fromEntries(facts) };
}

export function errorOf({ message, facts }: Failure): Error {
  return Object.assign(new Error(message), facts);
}
