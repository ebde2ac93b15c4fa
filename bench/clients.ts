/** The rows of real SDK clients: what their loops are given, and whether they can be run here. */

import { spawnSync } from "node:child_process";
import { PROFILES, profileAt, profileKeyAt } from "./data.ts";
import type { LoadJob } from "./load-job.ts";
import { python } from "./processes.ts";
import type { Load } from "./rows.ts";

/** One item to read: the input, and the item that must come. */
export interface SdkCase {
  readonly input: { readonly TableName: string; readonly Key: object };
  readonly item: object;
}

export type SdkJob = LoadJob & { readonly cases: readonly SdkCase[] };

const casesMax = 200;

export function sdkCases(partitions: number): SdkCase[] {
  return Array.from({ length: Math.min(casesMax, partitions) }, (_, place) => ({
    input: { TableName: PROFILES, Key: profileKeyAt(place) },
    item: profileAt(place),
  }));
}

/** Why a client's loop cannot run here; undefined = it can. */
export function whyNoClient(client: Extract<Load, { kind: "sdk" }>["client"]): string | undefined {
  if (client === "sdk-js.ts") return undefined;
  return spawnSync(python, ["-c", "import boto3"]).status === 0 ? undefined : `${python} has no boto3`;
}
