/** Which attributes an UpdateItem may change. Here correctness means: never omit a name. */

import type { Input } from "../model.ts";
import { isObject } from "../model.ts";
import { type DocumentPath, takePath } from "./document-path.ts";
import { giveUp, proven, TokenReader } from "./lexer.ts";
import { attributeName, Placeholders } from "./placeholders.ts";

export interface UpdatedAttributes {
  /** Top-level attributes. */
  readonly names: ReadonlySet<string>;
  /** True if no path leads into an attribute. */
  readonly topLevelOnly: boolean;
}

/**
 * The attributes that UpdateExpression (SET, REMOVE, ADD, DELETE) or the legacy AttributeUpdates may change.
 * The key's own attributes are not among them: no update can change them, but one of a missing item creates
 * them.
 *
 * @returns undefined if it cannot be told; then the update may have changed everything.
 */
export function updatedAttributes(input: Input): UpdatedAttributes | undefined {
  const { UpdateExpression, AttributeUpdates } = input;
  if (UpdateExpression !== undefined) {
    if (AttributeUpdates !== undefined) return undefined;
    return proven(() => namesOf(new UpdateParser(UpdateExpression, new Placeholders(input)).parse()));
  }
  if (AttributeUpdates === undefined) return { names: new Set(), topLevelOnly: true };
  if (!isObject(AttributeUpdates)) return undefined;
  return proven(() => namesOf(Object.keys(AttributeUpdates).map((name) => [attributeName(name)])));
}

function namesOf(paths: readonly DocumentPath[]): UpdatedAttributes {
  return {
    names: new Set(paths.map(([name]) => name)),
    topLevelOnly: paths.every((path) => path.length === 1),
  };
}

const clauses = ["SET", "REMOVE", "ADD", "DELETE"] as const;

type Clause = (typeof clauses)[number];

class UpdateParser {
  readonly #tokens: TokenReader;
  readonly #placeholders: Placeholders;
  readonly #targets: DocumentPath[] = [];

  constructor(expression: unknown, placeholders: Placeholders) {
    this.#tokens = new TokenReader(expression);
    this.#placeholders = placeholders;
  }

  /** The paths that are written to. The values' types are not checked: a refused update changes nothing. */
  parse(): readonly DocumentPath[] {
    const seen = new Set<Clause>();
    do {
      const clause = clauses.find((keyword) => this.#tokens.takeKeyword(keyword)) ?? giveUp();
      if (seen.has(clause)) giveUp();
      seen.add(clause);
      do this.#action(clause);
      while (this.#tokens.takeIf(","));
    } while (this.#tokens.peek().kind !== "end");
    return this.#targets;
  }

  #action(clause: Clause): void {
    this.#targets.push(this.#path());
    if (clause === "REMOVE") return;
    if (clause === "SET") {
      this.#tokens.expect("=");
      this.#sum();
    } else {
      this.#value();
    }
  }

  /** What follows "=" in SET: an operand, or two with "+" or "-" between them. Only read over. */
  #sum(): void {
    if (this.#tokens.takeIf("(")) {
      this.#sum();
      this.#tokens.expect(")");
    } else {
      this.#operand();
    }
    if (this.#tokens.takeIf("+") || this.#tokens.takeIf("-")) this.#sum();
  }

  #operand(): void {
    const { kind, text } = this.#tokens.peek();
    const isCall = kind === "name" && this.#tokens.peek(1).kind === "(";
    if (kind === "valueAlias") this.#value();
    else if (!isCall) this.#path();
    else if (text === "if_not_exists" || text === "list_append") this.#call();
    else giveUp();
  }

  #call(): void {
    this.#tokens.take();
    this.#tokens.expect("(");
    this.#sum();
    this.#tokens.expect(",");
    this.#sum();
    this.#tokens.expect(")");
  }

  #path(): DocumentPath {
    return takePath(this.#tokens, this.#placeholders);
  }

  #value(): void {
    this.#placeholders.value(this.#tokens.expect("valueAlias").text);
  }
}
