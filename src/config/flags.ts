/** The command line taken apart: settings, a command's own options, and what stands alone. */
import { nearest } from "./nearest.ts";
import { flagName, isSettingName, SETTING_NAMES, type SettingName, settingRow } from "./settings.ts";

/** A command's own options (`--once`, `--target GetItem`): "switch" takes no value. */
export type OwnOptions = Readonly<Record<string, "switch" | "value">>;

export interface ParsedFlags {
  /** Text given for each setting; the last one counts. */
  readonly settings: ReadonlyMap<SettingName, string>;
  readonly options: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
  readonly problems: readonly string[];
}

/** Both spellings of every flag, without the dashes: `item-ttl-ms` and `itemTtlMs`. */
const BY_FLAG: ReadonlyMap<string, SettingName> = new Map(
  SETTING_NAMES.flatMap((name): [string, SettingName][] => [
    [flagName(name).slice(2), name],
    [name, name],
  ]),
);

/**
 * Takes `argv` apart. A value follows its flag after `=` or a space; a value that begins with `--` needs
 * the `=`. A switch may stand alone (`--insecure`) or with `=true`/`=false`. After a bare `--` everything
 * stands alone.
 */
export function parseFlags(argv: readonly string[], own: OwnOptions = {}): ParsedFlags {
  const settings = new Map<SettingName, string>();
  const options = new Map<string, string>();
  const positionals: string[] = [];
  const problems: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at]!;
    if (argument === "--") {
      positionals.push(...argv.slice(at + 1));
      break;
    }
    if (!argument.startsWith("-") || argument === "-") {
      positionals.push(argument);
      continue;
    }
    const { name, value: attached } = splitFlag(argument);
    const setting = BY_FLAG.get(name);
    const isOwn = Object.hasOwn(own, name);
    if (!argument.startsWith("--") || (setting === undefined && !isOwn)) {
      problems.push(unknownFlag(argument, own));
      // What follows is most likely its value; complaining of that too would only confuse.
      if (!argument.includes("=") && argv[at + 1]?.startsWith("-") === false) at++;
      continue;
    }
    const alone = isOwn ? own[name] === "switch" : setting !== undefined && settingRow(setting).isSwitch;
    const next = argv[at + 1];
    const takesNext = attached === undefined && !alone && next !== undefined && !next.startsWith("--");
    if (takesNext) at++;
    const value = attached ?? (takesNext ? next : alone ? "true" : undefined);
    if (value === undefined) problems.push(`--${name} needs a value`);
    else if (isOwn) options.set(name, value);
    else if (setting !== undefined) settings.set(setting, value);
  }
  return { settings, options, positionals, problems };
}

function splitFlag(argument: string): { name: string; value: string | undefined } {
  const equals = argument.indexOf("=");
  if (equals < 0) return { name: argument.slice(2), value: undefined };
  return { name: argument.slice(2, equals), value: argument.slice(equals + 1) };
}

function unknownFlag(argument: string, own: OwnOptions): string {
  const given = argument.split("=", 1)[0]!;
  const known = [...Object.keys(own).map((name) => `--${name}`), ...SETTING_NAMES.map(flagName)];
  const guess = nearest(given, known);
  return `${given} is not a known flag; ${guess ? `did you mean ${guess}?` : "see dynatier --help"}`;
}

/** The flags of `settings` as arguments again, for handing them on. */
export function settingsToArgv(settings: ReadonlyMap<string, string>): string[] {
  return [...settings]
    .filter(([name]) => isSettingName(name))
    .map(([name, text]) => `${flagName(name)}=${text}`);
}
