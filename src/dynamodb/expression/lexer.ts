/** Expressions as tokens: the one place that knows how DynamoDB's expression languages are spelt. */

/** AWS: ServiceQuotas, "Expression parameters": an expression string may have at most 4 KB, in UTF-8. */
const expressionBytesMax = 4096;

/** Thrown inside the parsers, caught by {@link proven}. One object: giving up must not cost a stack trace. */
const notProven = new Error("the expression is not proven valid");

/** Ends the parse under way: DynamoDB may refuse the request, or understand it otherwise than we would. */
export function giveUp(): never {
  throw notProven;
}

/** Runs a parse; undefined if it gave up. Any other error is a bug and passes through. */
export function proven<Result>(parse: () => Result): Result | undefined {
  try {
    return parse();
  } catch (error) {
    if (error === notProven) return undefined;
    throw error;
  }
}

/**
 * "name" is a bare word (attribute, keyword or function), "nameAlias" is `#n`, "valueAlias" is `:v`, "number"
 * a list index; a symbol's kind is its own text; "end" stands behind the last token.
 */
export interface Token {
  readonly kind: string;
  readonly text: string;
  /** True if no white space stands before it. */
  readonly glued: boolean;
}

/*
 * Strict on purpose: a bare name begins with a letter, a list index has no leading zero, and only these four
 * characters are white space (DynamoDB refuses form feeds and Unicode's: test/wire/projection.test.ts).
 */
const tokenPattern = new RegExp(
  [
    "([ \\t\\r\\n]*)",
    "(?:([A-Za-z][A-Za-z0-9_]*)|(#[A-Za-z0-9_]+)|(:[A-Za-z0-9_]+)|(0|[1-9][0-9]*)",
    "|(<>|<=|>=|[=<>(),.[\\]+-])|$)",
  ].join(""),
  "y",
);

const end: Token = { kind: "end", text: "", glued: false };

/** Reads an expression from its first token to its last, one token ahead. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  /** Gives up on what is not a string, is too long, or has a character that no expression may have. */
  constructor(expression: unknown) {
    if (typeof expression !== "string" || expression === "") giveUp();
    if (Buffer.byteLength(expression) > expressionBytesMax) giveUp();
    this.#tokens = tokensOf(expression);
  }

  /** How many tokens have been taken. */
  get position(): number {
    return this.#at;
  }

  /** The token `ahead` places from here, without taking it. */
  peek(ahead = 0): Token {
    return this.#tokens[this.#at + ahead] ?? end;
  }

  take(): Token {
    const token = this.peek();
    this.#at += 1;
    return token;
  }

  /** Takes the next token if it is of this kind. */
  takeIf(kind: string): boolean {
    if (this.peek().kind !== kind) return false;
    this.#at += 1;
    return true;
  }

  /** Takes the next token if it is this keyword, in capitals or not. */
  takeKeyword(keyword: string): boolean {
    const token = this.peek();
    if (token.kind !== "name" || token.text.toUpperCase() !== keyword) return false;
    this.#at += 1;
    return true;
  }

  /** Takes a token of this kind or gives up. */
  expect(kind: string): Token {
    const token = this.take();
    return token.kind === kind ? token : giveUp();
  }
}

function tokensOf(expression: string): readonly Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < expression.length) {
    const match = tokenPattern.exec(expression);
    if (!match) giveUp();
    const token = tokenOf(match);
    // Only white space was left; the pattern would match its end again and again.
    if (token === undefined) break;
    tokens.push(token);
  }
  return tokens;
}

function tokenOf(match: RegExpExecArray): Token | undefined {
  const [, space, name, nameAlias, valueAlias, number, symbol] = match;
  const glued = space === "";
  if (name !== undefined) return { kind: "name", text: name, glued };
  if (nameAlias !== undefined) return { kind: "nameAlias", text: nameAlias, glued };
  if (valueAlias !== undefined) return { kind: "valueAlias", text: valueAlias, glued };
  if (number !== undefined) return { kind: "number", text: number, glued };
  if (symbol !== undefined) return { kind: symbol, text: symbol, glued };
  return undefined;
}
