/**
 * The words of a PartiQL statement, as DynamoDB reads them; anything it might read differently is refused.
 */

export interface Token {
  /** `word` is a keyword or a bare identifier, `name` a quoted identifier, `string` a quoted text. */
  readonly kind: "word" | "name" | "string" | "number" | "parameter" | "symbol";
  /** The text without its quotes; for a parameter its place among the parameters, from 0. */
  readonly text: string;
  /** For an opening bracket the place of the one that closes it, else the token's own place. */
  readonly closing: number;
}

/** Longest statement in characters (AWS: API_ExecuteStatement). */
const statementLengthMax = 8192;
/** The most brackets that may be open at once: DynamoDB nests values 32 deep, conditions add a few. */
const openBracketsMax = 64;

/*
 * Strings and quoted names escape their quote by doubling it; a backslash is an ordinary character. Line
 * comments that hold another line end than "\n", block comments inside block comments, Ion literals (`…`) and
 * blanks outside of ASCII match nothing here, so the statement is refused
 * (test/unit/dynamodb/partiql-emulator.test.ts).
 */
const lineComment = String.raw`--[^\r\n\v\f\x85\u2028\u2029]*(?:\r?\n|$)`;
const blockComment = String.raw`\/\*(?:[^*/]|\*(?!\/)|\/(?!\*))*\*\/`;
const tokenPattern = new RegExp(
  [
    `(?<blank>[ \\t\\r\\n]+|${lineComment}|${blockComment})`,
    `(?<string>'(?:[^']|'')*'(?!'))`,
    `(?<name>"(?:[^"]|"")+"(?!"))`,
    String.raw`(?<parameter>\?)`,
    `(?<word>[A-Za-z_$][A-Za-z0-9_$]*)`,
    String.raw`(?<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_$.]))`,
    String.raw`(?<symbol><<|>>|<=|>=|<>|!=|\|\||[=<>+*%.,:;()[\]{}]|-(?!-)|\/(?!\*))`,
  ].join("|"),
  "y",
);

const closers: ReadonlyMap<string, string> = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
  ["<<", ">>"],
]);
const closingBrackets: ReadonlySet<string> = new Set(closers.values());

interface OpenBracket {
  readonly at: number;
  readonly closer: string;
}

/**
 * The tokens in order, comments left out and a final ";" dropped; undefined if there is anything we cannot
 * read.
 */
export function partiqlTokens(statement: string): readonly Token[] | undefined {
  if (statement.length > statementLengthMax) return undefined;
  const tokens: Token[] = [];
  const open: OpenBracket[] = [];
  let parameters = 0;
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < statement.length) {
    const groups = tokenPattern.exec(statement)?.groups;
    if (!groups) return undefined;
    if (groups.blank !== undefined) continue;
    if (tokens.at(-1)?.text === ";" && tokens.at(-1)?.kind === "symbol") return undefined;
    const at = tokens.length;
    if (groups.parameter !== undefined) {
      tokens.push({ kind: "parameter", text: String(parameters), closing: at });
      parameters += 1;
      continue;
    }
    const token = tokenFrom(groups, at);
    if (!token) return undefined;
    tokens.push(token);
    if (token.kind === "symbol" && !nested(tokens, open, token.text)) return undefined;
  }
  if (open.length > 0) return undefined;
  const last = tokens.at(-1);
  if (last?.kind === "symbol" && last.text === ";") tokens.pop();
  return tokens;
}

/** How many parameters a statement takes. */
export function parameterCount(tokens: readonly Token[]): number {
  return tokens.reduce((count, token) => count + (token.kind === "parameter" ? 1 : 0), 0);
}

function tokenFrom(groups: Readonly<Record<string, string | undefined>>, at: number): Token | undefined {
  const { string, name, word, number, symbol } = groups;
  if (string !== undefined) return { kind: "string", text: unquoted(string, "'"), closing: at };
  if (name !== undefined) return { kind: "name", text: unquoted(name, '"'), closing: at };
  if (word !== undefined) return { kind: "word", text: word, closing: at };
  if (number !== undefined) return { kind: "number", text: number, closing: at };
  return symbol === undefined ? undefined : { kind: "symbol", text: symbol, closing: at };
}

function unquoted(text: string, quote: string): string {
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

/** Keeps account of brackets; false where they do not match. */
function nested(tokens: Token[], open: OpenBracket[], symbol: string): boolean {
  const at = tokens.length - 1;
  const closer = closers.get(symbol);
  if (closer !== undefined) {
    open.push({ at, closer });
    return open.length <= openBracketsMax;
  }
  if (!closingBrackets.has(symbol)) return true;
  const bracket = open.pop();
  if (bracket?.closer !== symbol) return false;
  const opening = tokens[bracket.at]!;
  tokens[bracket.at] = { ...opening, closing: at };
  return true;
}
