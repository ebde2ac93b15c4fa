/**
 * What one row of the settings table is, and the kinds of value a row may have. The rows are in
 * settings-*.ts.
 */
import { BYTE_UNITS, MS_UNITS, NO_UNITS, numberOf, withUnit } from "./units.ts";

/**
 * A complaint about one value. `path` says where inside the value ("" for the value itself, "[2].match" in a
 * list).
 */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

export type Parsed<T> =
  | { readonly value: T; readonly problems?: undefined }
  | { readonly problems: readonly Problem[] };

/**
 * One setting. `parse` takes the text of a flag or environment variable, or whatever YAML made of the file.
 */
export interface Setting<T> {
  readonly default: T;
  /** What a value looks like, as help and docs say it: "milliseconds", "`tags` or `ttl`". */
  readonly values: string;
  readonly help: string;
  /** How many milliseconds or bytes a plain number counts; none for other kinds. */
  readonly unit: "ms" | "bytes" | undefined;
  /** A switch may stand on the command line without a value. */
  readonly isSwitch: boolean;
  /** Its value is never printed. */
  readonly secret: boolean;
  /** False while the feature behind it does not exist: then only the default is accepted. */
  readonly built: boolean;
  /** What help and docs say in place of the default, where that is worked out at start. */
  readonly defaultText: string | undefined;
  parse(raw: unknown): Parsed<T>;
}

type Range = readonly [min: number, max: number];

/** A setting of the plainest sort; the makers below fill in what differs. */
function row<T>(
  fields: Pick<Setting<T>, "default" | "values" | "help" | "parse"> & Partial<Setting<T>>,
): Setting<T> {
  const { unit, defaultText, isSwitch = false, secret = false, built = true, ...rest } = fields;
  return { ...rest, unit, defaultText, isSwitch, secret, built };
}

/** How a wrong value is quoted in a complaint. */
export function quote(raw: unknown): string {
  if (Array.isArray(raw)) return "a list";
  if (typeof raw === "object" && raw !== null) return "a mapping";
  // A URL may carry a password, and complaints end up in logs.
  const text = (JSON.stringify(raw) ?? String(raw)).replace(/\/\/[^/\s]*@/, "//…@");
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** One complaint about the value itself. */
export function refuse(message: string): { readonly problems: readonly Problem[] } {
  return { problems: [{ path: "", message }] };
}

function ranged(
  kind: { noun: string; unit: "ms" | "bytes" | undefined; units: ReadonlyMap<string, number> },
  initial: number,
  [min, max]: Range,
  help: string,
): Setting<number> {
  const bounds = [min, max].map((bound) =>
    kind.unit && bound > 0 ? withUnit(bound, kind.unit) : `${bound}`,
  );
  return row({
    default: initial,
    values: `${kind.noun}, ${bounds.join(" to ")}`,
    help,
    unit: kind.unit,
    parse: (raw) => {
      const value = numberOf(raw, kind.units);
      if (value !== undefined && Number.isSafeInteger(value) && value >= min && value <= max) {
        return { value };
      }
      return refuse(`must be ${kind.noun} from ${bounds.join(" to ")}, not ${quote(raw)}`);
    },
  });
}

/** A whole number without a unit. */
export function integer(initial: number, range: Range, help: string): Setting<number> {
  return ranged({ noun: "a whole number", unit: undefined, units: NO_UNITS }, initial, range, help);
}

/** A duration in milliseconds; text may carry a unit ("5s", "1m", "2h", "1d"). */
export function ms(initial: number, range: Range, help: string): Setting<number> {
  return ranged({ noun: "milliseconds", unit: "ms", units: MS_UNITS }, initial, range, help);
}

/** A size in bytes; text may carry a unit ("256MiB", "1GB"). */
export function bytes(initial: number, range: Range, help: string): Setting<number> {
  return ranged({ noun: "bytes", unit: "bytes", units: BYTE_UNITS }, initial, range, help);
}

/** A share between 0 and 1, which need not be whole. */
export function share(initial: number, help: string): Setting<number> {
  return row({
    default: initial,
    values: "a share from 0 to 1",
    help,
    parse: (raw) => {
      const value = numberOf(raw, NO_UNITS);
      if (value !== undefined && value >= 0 && value <= 1) return { value };
      return refuse(`must be a share from 0 to 1, not ${quote(raw)}`);
    },
  });
}

/** True or false. */
export function flag(initial: boolean, help: string): Setting<boolean> {
  return row({
    default: initial,
    values: "`true` or `false`",
    help,
    isSwitch: true,
    parse: (raw) => {
      if (raw === true || raw === "true") return { value: true };
      if (raw === false || raw === "false") return { value: false };
      return refuse(`must be true or false, not ${quote(raw)}`);
    },
  });
}

/** One of a few words. YAML 1.1 tools write `on` and `off` as booleans, so those are understood too. */
export function choice<const T extends string>(
  words: readonly T[],
  initial: NoInfer<T>,
  help: string,
): Setting<T> {
  const list = words.map((word) => `\`${word}\``);
  return row<T>({
    default: initial,
    values: `${list.slice(0, -1).join(", ")} or ${list.at(-1)}`,
    help,
    parse: (raw) => {
      const spelled = raw === true ? "on" : raw === false ? "off" : raw;
      const value = words.find((word) => word === spelled);
      if (value !== undefined) return { value };
      return refuse(`must be ${words.slice(0, -1).join(", ")} or ${words.at(-1)}, not ${quote(raw)}`);
    },
  });
}

export interface TextOptions<T> {
  /** What a value looks like, for help, docs and complaints: "a host name or IP address". */
  readonly values: string;
  readonly help: string;
  /** Whole-value pattern; without one anything but the empty text passes. */
  readonly pattern?: RegExp;
  readonly secret?: boolean;
  readonly defaultText?: string;
  /** What is wrong with a text that may not be repeated in a complaint. */
  readonly problem?: (text: string) => string | undefined;
  /** Turns the text into the form kept in the settings, or answers undefined if it cannot be. */
  readonly normalise?: (text: string) => T | undefined;
}

/** Text. `none` unsets a text that has no default. */
export function text<T extends string | undefined>(
  initial: T,
  options: TextOptions<string>,
): Setting<T | string> {
  const { values, help, pattern, secret = false, defaultText, normalise = (raw: string) => raw } = options;
  const { problem } = options;
  return row<T | string>({
    default: initial,
    values,
    help,
    secret,
    defaultText,
    parse: (raw) => {
      if (raw === "none" && initial === undefined) return { value: initial };
      const spelled = typeof raw === "number" ? String(raw) : raw;
      const found = typeof spelled === "string" ? problem?.(spelled) : undefined;
      if (found !== undefined) return refuse(found);
      if (typeof spelled === "string" && spelled !== "" && (pattern?.test(spelled) ?? true)) {
        const value = normalise(spelled);
        if (value !== undefined) return { value };
      }
      return refuse(secret ? `must be ${values}` : `must be ${values}, not ${quote(raw)}`);
    },
  });
}

/** A setting with a value of its own making. */
export function custom<T>(
  initial: T,
  options: { values: string; help: string; defaultText: string; parse: (raw: unknown) => Parsed<T> },
): Setting<T> {
  return row({ default: initial, ...options });
}

/** Marks a setting whose feature does not exist yet: any value but the default is refused. */
export function notBuilt<T>(setting: Setting<T>): Setting<T> {
  return {
    ...setting,
    built: false,
    parse: (raw) => {
      const parsed = setting.parse(raw);
      if (parsed.problems === undefined && parsed.value === setting.default) return parsed;
      return refuse("is not built yet in this version; leave it unset");
    },
  };
}
