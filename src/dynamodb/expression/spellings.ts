/**
 * Expressions parsed once for each spelling: clients send the same few over and over, with other values. What is parsed
 * depends on nothing but the expression and the names that its placeholders stand for, which are the key.
 */

import { giveUp, proven } from "./lexer.ts";
import type { Names, Placeholders } from "./placeholders.ts";

/** Spellings that are remembered of one kind of expression; one more, and all are forgotten. */
const spellingsMax = 1000;
/** Longer ones, names included, are parsed each time: in characters. */
const spellingLengthMax = 1024;

interface Parsed<Tree> {
  readonly tree: Tree;
  /** The names' placeholders that it has: used, each time. */
  readonly aliases: readonly string[];
}

export class Spellings<Tree> {
  readonly #known = new Map<string, Parsed<Tree> | "not proven">();
  readonly #parse: (expression: string, names: Names) => Tree;

  /** @param parse pure but for the names that it asks for; gives up on what is not proven valid */
  constructor(parse: (expression: string, names: Names) => Tree) {
    this.#parse = parse;
  }

  /** The tree, shared by all who ask: not to be changed. Gives up as the parser does. */
  parsed(expression: unknown, placeholders: Placeholders): Tree {
    if (typeof expression !== "string") giveUp();
    const { namesText } = placeholders;
    // Each name says how long it is, so that none can be taken for the expression.
    const spelling = namesText === "" ? expression : `${namesText}\0${expression}`;
    let found = this.#known.get(spelling);
    if (found === undefined) {
      found = proven(() => this.#parsed(expression, placeholders)) ?? "not proven";
      if (spelling.length <= spellingLengthMax) this.#remember(spelling, found);
    }
    if (found === "not proven") giveUp();
    for (const alias of found.aliases) placeholders.name(alias);
    return found.tree;
  }

  #parsed(expression: string, placeholders: Placeholders): Parsed<Tree> {
    const aliases = new Set<string>();
    const name = (alias: string): string => {
      aliases.add(alias);
      return placeholders.name(alias);
    };
    const tree = this.#parse(expression, { name });
    return { tree, aliases: [...aliases] };
  }

  #remember(spelling: string, parsed: Parsed<Tree> | "not proven"): void {
    if (this.#known.size >= spellingsMax) this.#known.clear();
    this.#known.set(spelling, parsed);
  }
}
