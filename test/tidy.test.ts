/** The house rules, as a test about the source itself. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const linesMax = 300;
// The formatter breaks code at 110; comments and strings may run a little on.
const columnsMax = 130;
const functionLinesMax = 70;

function sourcesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name))
    .filter((name) => statSync(join(root, name)).isFile())
    .sort();
}

const sources = sourcesIn("src");
const everything = [...sources, ...["test", "bench", "scripts"].flatMap(sourcesIn)];
const textOf = (file: string) => readFileSync(join(root, file), "utf8");

interface Import {
  readonly from: string;
  readonly names: string;
}

function importsOf(file: string): Import[] {
  const pattern = /(?:^|\n)(?:import|export)\s([^;"]*?)from\s+"([^"]+)"|import\("([^"]+)"\)/g;
  return [...textOf(file).matchAll(pattern)].map((match) => ({
    names: match[1] ?? "",
    from: match[2] ?? match[3] ?? "",
  }));
}

/** The file that a relative import names, as a path from the root. */
function resolved(file: string, from: string): string {
  return relative(root, resolve(root, dirname(file), from));
}

const levels: Readonly<Record<string, number>> = {
  util: 0,
  config: 1,
  metrics: 1,
  dynamodb: 1,
  redis: 1,
  sigv4: 1,
  cache: 2,
  upstream: 2,
  auth: 2,
  invalidation: 3,
  proxy: 4,
  admin: 5,
  dax: 5,
  workers: 5,
  top: 6,
};

/** A file's room: its folder below src; the command line and the files at the top form the last one. */
function roomOf(file: string): string {
  const parts = file.split("/");
  return parts.length === 2 || parts[1] === "cli" ? "top" : (parts[1] ?? "");
}

/** Which rooms or files may import each library. */
const libraries: Readonly<Record<string, readonly string[]>> = {
  fastify: ["src/proxy/http-server.ts", "src/admin/"],
  undici: ["src/upstream/"],
  "@aws-sdk/credential-providers": ["src/upstream/"],
  dynalite: ["src/upstream/embedded.ts", "src/upstream/dynalite.d.ts"],
  ioredis: ["src/redis/"],
  "prom-client": ["src/metrics/"],
  pino: ["src/util/log.ts"],
  yaml: ["src/config/"],
};

describe("tidy", () => {
  it("files, lines and functions are short enough", () => {
    const long = everything.flatMap((file) => {
      const lines = textOf(file).split("\n");
      const columns = lines.flatMap((line, at) => (line.length > columnsMax ? [`${file}:${at + 1}`] : []));
      return lines.length - 1 > linesMax ? [`${file}: ${lines.length - 1} lines`, ...columns] : columns;
    });
    expect(long).toEqual([]);
    const functions = sources.flatMap((file) => longFunctions(textOf(file)).map((one) => `${file} ${one}`));
    expect(functions).toEqual([]);
  });

  it("every source file says at its head what it is", () => {
    const mute = sources.filter((file) => !/^(#!.*\n)?\s*\/[/*]/.test(textOf(file)));
    expect(mute).toEqual([]);
  });

  it("imports go only downward, and rooms of one level do not import each other", () => {
    const wrong: string[] = [];
    for (const file of sources) {
      for (const { from } of importsOf(file)) {
        if (!from.startsWith(".")) continue;
        const target = resolved(file, from);
        if (!target.startsWith("src/")) continue;
        const [own, other] = [roomOf(file), roomOf(target)];
        if (own === other || target === "src/metrics/outcome.ts") continue;
        const [level, below] = [levels[own], levels[other]];
        if (level === undefined || below === undefined)
          wrong.push(`${file}: no level for ${own} or ${other}`);
        else if (below >= level) wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("no import cycles", () => {
    const graph = new Map(
      sources.map((file) => [
        file,
        importsOf(file)
          .filter(({ from }) => from.startsWith("."))
          .map(({ from }) => resolved(file, from)),
      ]),
    );
    expect(cycleIn(graph)).toBeUndefined();
  });

  it("each library stays in its room", () => {
    const wrong: string[] = [];
    for (const file of sources) {
      for (const { from } of importsOf(file)) {
        if (from.startsWith(".") || from.startsWith("node:")) continue;
        const rooms = libraries[from];
        if (!rooms?.some((room) => file.startsWith(room))) wrong.push(`${file} imports ${from}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("the pure rooms and files have no clock, no randomness, no input or output", () => {
    const pure = [...sources.filter((file) => file.startsWith("src/dynamodb/")), "src/invalidation/tags.ts"];
    pure.push("src/proxy/operations.ts", "src/proxy/plan.ts", "src/cache/coherence.ts");
    const impure =
      /Date\.now|new Date\(|performance\.|Math\.random|process\.(?!env)|from "node:(?!zlib|buffer)/;
    expect(pure.filter((file) => impure.test(textOf(file)))).toEqual([]);
  });

  it("no unfinished marks, no `any`, no default exports, no skipped tests", () => {
    // Put together so that this file does not name them.
    const marks = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`);
    const unfinished = everything.filter((file) => marks.test(textOf(file)));
    expect(unfinished, "unfinished marks").toEqual([]);
    const loose = sources.filter((file) =>
      /(\w\??:\s*any\b[^a-z ]|<any>|\bas any\b|^export default)/m.test(textOf(file)),
    );
    expect(loose, "any or default export").toEqual([]);
    const skipped = everything.filter((file) =>
      /\b(it|test|describe)\.(skip|todo|only)\b/.test(textOf(file)),
    );
    expect(skipped, "skipped or focused tests").toEqual([]);
  });

  it("casts through `as` stand only where they are explained", () => {
    // `as const` and import renames are no casts.
    const casts = sources.flatMap((file) => {
      const lines = textOf(file).split("\n");
      return lines.flatMap((text, at) => {
        // Words in texts and comments are none.
        const line = text.replace(/"[^"]*"|`[^`]*`|'[^']*'|\/\/.*$/g, '""');
        const isCast =
          /[\w)\]}>] as (?!const\b)[A-Z{(|\w]/.test(line) && !/^\s*(import|export|\*|\/)/.test(line);
        return isCast && !/^\s*(type )?\w+ as \w+,?$/.test(line) ? [`${file}:${at + 1}`] : [];
      });
    });
    // A ratchet: it may only go down.
    expect(casts.length, casts.join("\n")).toBeLessThanOrEqual(castsMax);
  });
});

const castsMax = 25;

/** Functions and methods with too many lines, by a count of braces: good enough for formatted source. */
function longFunctions(text: string): string[] {
  const lines = text.split("\n");
  const found: string[] = [];
  lines.forEach((line, at) => {
    const opens =
      /^(\s*)(export )?(async )?(static )?(function\b|#?\w+(<.*>)?\(.*\).*\{$|const \w+ = .*=> \{$)/.exec(
        line,
      );
    if (!opens || !line.trimEnd().endsWith("{") || /^\s*(if|for|while|switch|describe|it)\b/.test(line))
      return;
    const end = lines.findIndex((other, index) => index > at && other.startsWith(`${opens[1] ?? ""}}`));
    if (end - at > functionLinesMax) found.push(`line ${at + 1}: ${end - at} lines`);
  });
  return found;
}

/** The files of one cycle, or undefined. */
function cycleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}
