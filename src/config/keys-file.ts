/** The keys file of `auth: sigv4`: a YAML list of access keys. What is wrong is said without repeating what may be a secret. */

import { readFileSync, statSync } from "node:fs";
import { platform } from "node:process";
import { reasonOf } from "./checks.ts";
import { nearest } from "./nearest.ts";
import type { Settings } from "./settings.ts";

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly name: string;
}

export type ParsedKeys =
  | { readonly keys: readonly AccessKey[]; readonly problems?: undefined }
  | { readonly problems: readonly string[] };

/** About ten thousand keys. */
const bytesMax = 2 * 1024 * 1024;
const keysMax = 10_000;
/** A file of another sort altogether would be wrong in every line. */
const problemsMax = 20;

interface MemberRow {
  readonly pattern: RegExp;
  readonly values: string;
}

const members: Readonly<Record<keyof AccessKey, MemberRow>> = {
  accessKeyId: { pattern: /^[A-Za-z0-9_-]{4,128}$/, values: "4 to 128 letters, digits, _ or -" },
  // Whoever sees one request can try secrets at leisure, so a short one is none.
  secretAccessKey: {
    pattern: /^[!-~]{16,128}$/,
    values: "16 to 128 visible ASCII characters without spaces",
  },
  name: { pattern: /^[^\p{C}]{1,128}$/u, values: "text of at most 128 characters" },
};
const memberNames = Object.keys(members);

/** Complaints about the keys file; none where the settings name none or do not need it. */
export async function keysProblems(
  settings: Settings,
  readFile: (path: string) => string,
): Promise<readonly string[]> {
  const { auth, keys } = settings;
  if (auth !== "sigv4" || keys === undefined) return [];
  try {
    return (await parseKeys(keys, readFile(keys))).problems ?? [];
  } catch (cause) {
    return [`\`keys\` ${keys} cannot be read (${reasonOf(cause)})`];
  }
}

/**
 * Reads the file anew. Never throws for a wrong file.
 * @returns the keys and, as warnings, what does not stop them from working; or all problems
 */
export async function readKeysFile(
  path: string,
): Promise<ParsedKeys & { readonly warnings: readonly string[] }> {
  try {
    const { mode, size } = statSync(path);
    if (size > bytesMax) {
      return { problems: [`\`keys\` ${path} is too large (over ${bytesMax} bytes)`], warnings: [] };
    }
    // Windows knows no such bits.
    const isShown = platform !== "win32" && (mode & 0o044) !== 0;
    const warning = `${path} can be read by users other than its owner: chmod 600`;
    return { ...(await parseKeys(path, readFileSync(path, "utf8"))), warnings: isShown ? [warning] : [] };
  } catch (cause) {
    return { problems: [`\`keys\` ${path} cannot be read (${reasonOf(cause)})`], warnings: [] };
  }
}

/**
 * The keys in a YAML text, or everything that is wrong with it.
 * @param path only for the complaints
 */
export async function parseKeys(path: string, text: string): Promise<ParsedKeys> {
  const { LineCounter, parseDocument } = await import("yaml");
  const complain = (message: string): ParsedKeys => ({ problems: [`\`keys\` ${path} ${message}`] });
  if (text.length > bytesMax) return complain(`is too large (over ${bytesMax} characters)`);
  // Failsafe: every scalar is text. A secret of digits only is not a number.
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { schema: "failsafe", lineCounter });
  if (document.errors.length > 0) {
    // The parser's own messages quote the text.
    const places = document.errors.map(
      ({ code, pos }) => `line ${lineCounter.linePos(pos[0]).line}: ${code}`,
    );
    return complain(`is not valid YAML (${bounded(places).join("; ")})`);
  }
  let content: unknown;
  try {
    content = document.toJS({ mapAsMap: false, maxAliasCount: 0 });
  } catch {
    return complain("must not hold YAML aliases");
  }
  if (!Array.isArray(content) || content.length === 0) {
    return complain("must be a list of at least one `accessKeyId` with its `secretAccessKey`");
  }
  if (content.length > keysMax) return complain(`holds more than ${keysMax} keys`);
  const problems: string[] = [];
  const places = new Map<string, number>();
  const keys = content.map((raw: unknown, place) => readKey(raw, place, places, problems));
  if (problems.length > 0) {
    return { problems: bounded(problems).map((problem) => `\`keys\` ${path} ${problem}`) };
  }
  return { keys };
}

/** One entry; adds to `places` where its id stands, and to `problems` what is wrong with it. */
function readKey(raw: unknown, place: number, places: Map<string, number>, problems: string[]): AccessKey {
  const given = new Map<string, unknown>(
    typeof raw === "object" && raw !== null && !Array.isArray(raw) ? Object.entries(raw) : [],
  );
  if (given.size === 0) problems.push(`[${place}] must be a mapping of ${memberNames.join(", ")}`);
  for (const name of given.keys()) {
    if (memberNames.includes(name)) continue;
    const guess = nearest(name, memberNames);
    // A name unlike any of ours may be a secret in the wrong place.
    const hint = guess === undefined ? "" : `; did you mean ${guess}?`;
    problems.push(`[${place}] has a member that is none of ${memberNames.join(", ")}${hint}`);
  }
  const read = (name: keyof AccessKey): string => {
    const { pattern, values } = members[name];
    const value = given.get(name);
    if (typeof value === "string" && pattern.test(value)) return value;
    if (given.size > 0) problems.push(`[${place}].${name} must be ${values}`);
    return "";
  };
  const accessKeyId = read("accessKeyId");
  const secretAccessKey = read("secretAccessKey");
  const name = given.has("name") ? read("name") : accessKeyId;
  const earlier = places.get(accessKeyId);
  if (earlier !== undefined && accessKeyId !== "") {
    problems.push(`[${place}].accessKeyId stands in [${earlier}] already`);
  }
  places.set(accessKeyId, place);
  return { accessKeyId, secretAccessKey, name };
}

function bounded(texts: readonly string[]): string[] {
  if (texts.length <= problemsMax) return [...texts];
  return [...texts.slice(0, problemsMax), `and ${texts.length - problemsMax} more`];
}
