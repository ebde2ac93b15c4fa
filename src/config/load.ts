/**
 * Settings from file, environment and flags, each overriding the one before. All problems are found at once.
 */
import { readFileSync } from "node:fs";
import { CHECKS, reasonOf, tlsProblems } from "./checks.ts";
import { type Environment, parseEnvironment } from "./environment.ts";
import { type ParsedFlags, parseFlags } from "./flags.ts";
import { keysProblems } from "./keys-file.ts";
import { nearest } from "./nearest.ts";
import { regionFromAws } from "./region.ts";
import {
  environmentName,
  flagName,
  isSettingName,
  SETTING_NAMES,
  type SettingName,
  type Settings,
  settingRow,
} from "./settings.ts";

export type Source = "default" | "file" | "environment" | "flag";

export type Loaded =
  | {
      readonly settings: Settings;
      /** Where each value comes from. */
      readonly sources: ReadonlyMap<SettingName, Source>;
      readonly problems?: undefined;
    }
  | { readonly problems: readonly string[] };

/** Reads a whole text file; throws as node:fs does. */
export type ReadFile = (path: string) => string;

const CONFIG_FILE = "dynatier.yaml";

/** The value of one setting as one source gives it, and what that source calls it. */
interface Given {
  readonly source: Source;
  readonly raw: unknown;
  readonly calledBy: string;
}

/**
 * Loads and checks all settings. Never throws for wrong input: each complaint is one line that names the
 * setting.
 * @param argv the arguments after the command, settings flags only
 * @param env the process' environment: DYNATIER_… and, for the region, AWS_…
 */
export async function loadSettings(
  argv: readonly string[],
  env: Environment,
  readFile: ReadFile = (path) => readFileSync(path, "utf8"),
): Promise<Loaded> {
  const flags = parseFlags(argv);
  const stray = flags.positionals.map((one) => `unexpected argument “${one}”; flags begin with --`);
  return loadFrom({ ...flags, problems: [...flags.problems, ...stray] }, env, readFile);
}

/** The same with the command line already taken apart. */
export async function loadFrom(
  flags: Pick<ParsedFlags, "settings" | "problems">,
  env: Environment,
  readFile: ReadFile = (path) => readFileSync(path, "utf8"),
): Promise<Loaded> {
  const environment = parseEnvironment(env);
  const configPath = flags.settings.get("config") ?? environment.settings.get("config");
  const file = await readConfig(configPath, readFile);
  const problems = [...file.problems, ...environment.problems, ...flags.problems];

  const values: Partial<Record<SettingName, unknown>> = {};
  const sources = new Map<SettingName, Source>();
  const wrong = new Set<SettingName>();
  for (const name of SETTING_NAMES) {
    const row = settingRow(name);
    values[name] = row.default;
    sources.set(name, "default");
    for (const { source, raw, calledBy } of givenFor(name, file, environment.settings, flags.settings)) {
      const parsed = row.parse(raw);
      if (parsed.problems === undefined) {
        values[name] = parsed.value;
        sources.set(name, source);
      } else {
        wrong.add(name);
        problems.push(
          ...parsed.problems.map(({ path, message }) => `\`${name}${path}\` ${message} (${calledBy})`),
        );
      }
    }
  }
  if (file.path !== undefined) values.config = file.path;

  const isGiven = (name: SettingName) => sources.get(name) !== "default";
  const settings = Object.freeze(derive(values as Settings, isGiven, env, readFile));
  for (const check of CHECKS) {
    const complaint = check.about.some((name) => wrong.has(name))
      ? undefined
      : check.find({ settings, isGiven });
    if (complaint !== undefined) problems.push(complaint);
  }
  problems.push(...(await tlsProblems(settings, readFile)), ...(await keysProblems(settings, readFile)));
  return problems.length > 0 ? { problems } : { settings, sources };
}

/** Fills in the defaults that depend on other settings or on the machine. */
function derive(
  settings: Settings,
  isGiven: (name: SettingName) => boolean,
  env: Environment,
  readFile: ReadFile,
): Settings {
  const fallback = settings.upstream === "aws" ? "" : "us-east-1";
  const region = settings.region || regionFromAws(env, readFile) || fallback;
  const { cacheBytesMax, workers } = settings;
  const entryBytesMax = isGiven("entryBytesMax")
    ? settings.entryBytesMax
    : Math.min(settings.entryBytesMax, Math.floor(cacheBytesMax / workers));
  return { ...settings, region, entryBytesMax };
}

interface ConfigFile {
  readonly path: string | undefined;
  readonly values: ReadonlyMap<SettingName, unknown>;
  readonly problems: readonly string[];
}

/** What the sources give for one setting, weakest first. */
function givenFor(
  name: SettingName,
  file: ConfigFile,
  environment: ReadonlyMap<SettingName, string>,
  flags: ReadonlyMap<SettingName, string>,
): Given[] {
  const given: Given[] = [];
  if (file.values.has(name))
    given.push({ source: "file", raw: file.values.get(name), calledBy: file.path ?? "" });
  const variable = environment.get(name);
  if (variable !== undefined) {
    given.push({ source: "environment", raw: variable, calledBy: environmentName(name) });
  }
  const flag = flags.get(name);
  if (flag !== undefined) given.push({ source: "flag", raw: flag, calledBy: flagName(name) });
  return given;
}

/** Reads the file that was named, or ./dynatier.yaml if there is one. */
async function readConfig(named: string | undefined, readFile: ReadFile): Promise<ConfigFile> {
  const path = named ?? CONFIG_FILE;
  let text: string;
  try {
    text = readFile(path);
  } catch (cause) {
    const absent = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const problems = named === undefined && absent ? [] : [`${path} cannot be read (${reasonOf(cause)})`];
    return { path: undefined, values: new Map(), problems };
  }
  return { path, ...(await parseConfig(path, text)) };
}

/** The settings in a YAML text. A key without a value counts as unset. */
async function parseConfig(path: string, text: string): Promise<Pick<ConfigFile, "values" | "problems">> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text);
  const values = new Map<SettingName, unknown>();
  if (document.errors.length > 0) {
    return {
      values,
      problems: document.errors.map(({ message }) => `${path}: ${message.split("\n", 1)[0]}`),
    };
  }
  let content: unknown;
  try {
    content = document.toJS({ mapAsMap: false, maxAliasCount: 100 });
  } catch (cause) {
    return { values, problems: [`${path}: ${reasonOf(cause)}`] };
  }
  if (content === null || content === undefined) return { values, problems: [] };
  if (typeof content !== "object" || Array.isArray(content)) {
    return { values, problems: [`${path} must hold \`name: value\` lines`] };
  }
  const problems: string[] = [];
  for (const [key, value] of Object.entries(content)) {
    if (key === "config") problems.push(`\`config\` cannot be set in the file itself (${path})`);
    else if (!isSettingName(key)) problems.push(unknownKey(key, path));
    else if (value !== null) values.set(key, value);
  }
  return { values, problems };
}

function unknownKey(key: string, path: string): string {
  const guess = nearest(key, SETTING_NAMES);
  const hint = guess ? `did you mean \`${guess}\`?` : "see docs/CONFIGURATION.md";
  return `\`${key}\` is not a setting; ${hint} (${path})`;
}
