/**
 * THE settings table. Its rows stand in settings-listening, -upstream, -cache and -fleet.ts; the type
 * `Settings`, the flags, the environment names, `--help` and docs/CONFIGURATION.md are all computed from
 * them.
 */
import type { Setting } from "./setting.ts";
import { CACHING, LIMITS } from "./settings-cache.ts";
import { NODES, STREAMS, WATCHING } from "./settings-fleet.ts";
import { LISTENING } from "./settings-listening.ts";
import { UPSTREAM } from "./settings-upstream.ts";

export const SETTINGS = {
  ...LISTENING,
  ...UPSTREAM,
  ...CACHING,
  ...LIMITS,
  ...NODES,
  ...STREAMS,
  ...WATCHING,
};

type ValueOf<S> = S extends Setting<infer T> ? T : never;

export type SettingName = keyof typeof SETTINGS;

/** Every setting with its value. `region` is never empty once loaded; unset texts are undefined. */
export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> };

/** The same rows under the headings of help and docs. */
export const SETTING_GROUPS: readonly { title: string; rows: Readonly<Record<string, Setting<unknown>>> }[] =
  [
    { title: "Listening", rows: LISTENING },
    { title: "Upstream", rows: UPSTREAM },
    { title: "Caching", rows: CACHING },
    { title: "Limits", rows: LIMITS },
    { title: "Several nodes", rows: NODES },
    { title: "Streams", rows: STREAMS },
    { title: "Watching", rows: WATCHING },
  ];

/** All names, in the order of the table. */
export const SETTING_NAMES: readonly SettingName[] = Object.keys(SETTINGS).filter(isSettingName);

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

/** The row of one setting, its value type forgotten: for code that treats all rows alike. */
export function settingRow(name: SettingName): Setting<unknown> {
  return SETTINGS[name];
}

/** `itemTtlMs` → `--item-ttl-ms`. */
export function flagName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `itemTtlMs` → `DYNATIER_ITEM_TTL_MS`. */
export function environmentName(name: string): string {
  return `DYNATIER_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/**
 * The defaults with some values replaced, taken as they are: for tests and for embedding, where no file,
 * environment or flag is read. The region falls back to us-east-1. User input goes through load.ts, which
 * checks it.
 */
export function settingsWith(overrides: Partial<Settings> = {}): Settings {
  const defaults = Object.fromEntries(SETTING_NAMES.map((name) => [name, SETTINGS[name].default]));
  return Object.freeze({ ...defaults, region: "us-east-1", ...overrides }) as Settings;
}
