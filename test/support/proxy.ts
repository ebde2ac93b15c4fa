// The real proxy for tests: createApp with settings from the real loader, on free ports, in front of a counting upstream.
//
//   test ─→ proxy (url) ─→ counting upstream (upstream) ─→ the run's DynamoDB Local, or upstreamUrl

import { readFileSync } from "node:fs";
import { inject } from "vitest";
import { type App, createApp } from "../../src/app.ts";
import { loadSettings } from "../../src/config/load.ts";
import { flagName, type SettingName, type Settings } from "../../src/config/settings.ts";
import { type CountingUpstream, startCountingUpstream } from "./counting-upstream.ts";

/** Setting values as a user would write them in YAML: numbers, texts, lists. */
export type SettingValues = Readonly<Partial<Record<SettingName, unknown>>>;

export interface ProxyOptions {
  /** Over the loader's defaults and those below. */
  readonly settings?: SettingValues;
  /** What stands behind the counting upstream; default the run's shared DynamoDB Local. */
  readonly upstreamUrl?: string;
  /** A counting upstream that is already there (for a second proxy or a restart); stop() then leaves it alone. */
  readonly upstream?: CountingUpstream;
}

export interface TestProxy {
  readonly url: string;
  readonly adminUrl: string;
  readonly upstream: CountingUpstream;
  readonly app: App;
  readonly settings: Settings;
  /** Stops the app, and the counting upstream if it was started here. May be called twice. */
  stop(): Promise<void>;
}

/** Free ports, no log, and a short drain, so that a failing test does not hang on its open requests. */
const quiet: SettingValues = { port: 0, adminPort: 0, logLevel: "silent", drainMs: 2000 };

/**
 * Settled at once: what a test writes itself may be cached by the very next eventually consistent read. For tests
 * whose matter is not the settle window; DynamoDB Local does not lag.
 */
export const SETTLED: SettingValues = { settleMs: 0, indexSettleMs: 0 };

/** DAX's semantics ("dax mode" in the conformance tests), settled. */
export const DAX: SettingValues = { ...SETTLED, queryCoherence: "ttl" };

/** Starts the proxy. Fails with the loader's complaints if the settings are wrong. */
export async function startProxy(options: ProxyOptions = {}): Promise<TestProxy> {
  const upstream =
    options.upstream ?? (await startCountingUpstream(options.upstreamUrl ?? inject("dynamoDbLocalUrl")));
  try {
    const settings = await settingsFor({ ...quiet, upstream: upstream.url, ...options.settings });
    const app = await createApp(settings);
    const { url, adminUrl } = await app.start();
    let stopping: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await app.stop();
      if (options.upstream === undefined) await upstream.close();
    };
    return { url, adminUrl, upstream, app, settings, stop: () => (stopping ??= stop()) };
  } catch (error) {
    if (options.upstream === undefined) await upstream.close();
    throw error;
  }
}

/** What the loader makes of these values; the environment and a dynatier.yaml of the working directory do not count. */
export async function settingsFor(values: SettingValues): Promise<Settings> {
  const argv = Object.entries(values).map(([name, value]) => {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return `${flagName(name)}=${text}`;
  });
  const loaded = await loadSettings(argv, {}, (path) => {
    if (!path.startsWith("/")) throw Object.assign(new Error(`no ${path} here`), { code: "ENOENT" });
    return readFileSync(path, "utf8");
  });
  if (loaded.problems !== undefined) throw new Error(loaded.problems.join("\n"));
  return loaded.settings;
}
