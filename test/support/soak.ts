// The soak: writers through the proxy and around it, readers through it, an auditor over all of them.

import { setTimeout as sleep } from "node:timers/promises";
import type { Via } from "./audit-history.ts";
import { auditKeys } from "./audit-keys.ts";
import { AuditReader, differences } from "./audit-readers.ts";
import { onlyTarget } from "./audit-target.ts";
import { AuditWriter } from "./audit-writers.ts";
import { Auditor, type AuditReport } from "./auditor.ts";

export interface SoakOptions {
  readonly proxyUrl: string;
  /** DynamoDB Local itself. */
  readonly directUrl: string;
  readonly TableName: string;
  readonly boundMs: number;
  readonly seconds: number;
  /** Writers of each way, and readers; each sends its next call when the last is answered. */
  readonly writers: Readonly<Record<Via, number>>;
  readonly readers: number;
  /** Ends as soon as something is found. */
  readonly untilViolation?: boolean;
  /** Called again and again while it runs. */
  readonly sample?: (() => Promise<void>) | undefined;
}

export interface SoakReport extends AuditReport {
  readonly writesPerSecond: number;
  readonly readsPerSecond: number;
  readonly readFailures: number;
  /** Between the proxy and DynamoDB when all was quiet; not looked for with untilViolation. */
  readonly differences: readonly string[];
}

const sampleEveryMs = 500;

/** As fast as all of it goes: every caller waits for its answer, so the machine and DynamoDB Local set the rates. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { proxyUrl, directUrl, TableName, boundMs, seconds, writers, readers } = options;
  const auditor = new Auditor(boundMs);
  const keys = auditKeys(auditor);
  const proxy = onlyTarget(proxyUrl);
  const reader = new AuditReader({ auditor, keys, TableName, targets: proxy });
  const beganAtMs = performance.now();
  const goesOn = (): boolean =>
    performance.now() - beganAtMs < seconds * 1000 &&
    !(options.untilViolation === true && auditor.violations > 0);
  const again = async (work: () => Promise<void>): Promise<void> => {
    while (goesOn()) await work();
  };
  const writersOf = (via: Via) =>
    Array.from({ length: writers[via] }, (_, at) => {
      const targets = via === "through" ? proxy : onlyTarget(directUrl);
      const writer = new AuditWriter({ auditor, keys, TableName, via, targets, by: `${via}-${at}` });
      return again(() => writer.write());
    });
  const readersOfAll = Array.from({ length: readers }, () => again(() => reader.read()));
  const { sample } = options;
  const sampler = sample && again(() => Promise.all([sample(), sleep(sampleEveryMs)]).then(() => {}));
  await Promise.all([...writersOf("through"), ...writersOf("around"), ...readersOfAll, sampler]);
  const tookSeconds = (performance.now() - beganAtMs) / 1000;
  const { reads } = reader;
  const found: string[] = [];
  if (options.untilViolation !== true) {
    await sleep(boundMs);
    await reader.readAll();
    found.push(...(await differences({ auditor, keys, TableName, targets: proxy }, directUrl)));
  }
  const report = await auditor.report();
  return {
    ...report,
    writesPerSecond: Math.round((report.commits.through + report.commits.around) / tookSeconds),
    readsPerSecond: Math.round(reads / tookSeconds),
    readFailures: reader.failures,
    differences: found,
  };
}
