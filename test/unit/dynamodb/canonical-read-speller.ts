// Writes expressions for tests, one meaning in many spellings.

import type { AttributeValue, Input } from "../../../src/dynamodb/model.ts";

/** How a request is spelt; what it means does not depend on it. */
export interface Spelling {
  readonly prefix: string;
  readonly space: string;
  readonly upper: boolean;
  readonly parentheses: boolean;
  readonly alwaysAlias: boolean;
  readonly otherNumbers: boolean;
  readonly reversed: boolean;
  readonly explicitDefaults: boolean;
}

export type Path = readonly [string, ...(string | number)[]];
export type Tree =
  | { readonly kind: "chain"; readonly keyword: "and" | "or"; readonly parts: readonly Tree[] }
  | { readonly kind: "not"; readonly part: Tree }
  | {
      readonly kind: "test";
      readonly template: string;
      readonly path: Path;
      readonly values: AttributeValue[];
    };

export class Speller {
  readonly #how: Spelling;
  readonly #names = new Map<string, string>();
  readonly #values = new Map<string, AttributeValue>();

  constructor(how: Spelling) {
    this.#how = how;
  }

  keyword(text: string): string {
    const spaced = text.replaceAll(" ", this.#how.space);
    return this.#how.upper ? spaced.toUpperCase() : spaced;
  }

  tree(what: Tree, isInside = false): string {
    if (what.kind === "not") return `${this.keyword("not ")}${this.tree(what.part, true)}`;
    if (what.kind === "test") {
      const test = this.test(what.template, what.path, what.values);
      return this.#how.parentheses ? `(${test})` : test;
    }
    const chain = what.parts.map((part) => this.tree(part, true)).join(this.keyword(` ${what.keyword} `));
    return isInside ? `(${chain})` : chain;
  }

  test(template: string, path: Path, values: readonly AttributeValue[]): string {
    const left = [...values];
    return template
      .split(/(\bP\b|\bV\b| in | between | and )/)
      .map((part) => {
        if (part === "P") return this.#path(path);
        if (part === "V") return this.#value(left.shift() ?? { NULL: true });
        return / [a-z]+ /.test(part) ? this.keyword(part) : part;
      })
      .join("");
  }

  projection(paths: readonly Path[]): string {
    const spelt = paths.map((path) => this.#path(path));
    return (this.#how.reversed ? spelt.reverse() : spelt).join(`,${this.#how.space}`);
  }

  /** The maps of what the given expressions use. */
  placeholders(expressions: readonly unknown[]): Input {
    const text = expressions.filter((part) => typeof part === "string").join(" ");
    const used = (alias: string) => text.split(/[^#:A-Za-z0-9_]/).includes(alias);
    const names = [...this.#names].filter(([alias]) => used(alias));
    const values = [...this.#values].filter(([alias]) => used(alias));
    return {
      ...(names.length > 0 && { ExpressionAttributeNames: Object.fromEntries(names) }),
      ...(values.length > 0 && { ExpressionAttributeValues: Object.fromEntries(values) }),
    };
  }

  /** The same value: other spelling of numbers, sets in other order. */
  respelt(value: AttributeValue): AttributeValue {
    const { otherNumbers, reversed } = this.#how;
    const number = (text: string) => (otherNumbers ? `${text}${text.includes(".") ? "0" : ".0"}` : text);
    if ("N" in value) return { N: number(value.N) };
    if ("NS" in value) return { NS: reversed ? value.NS.map(number).reverse() : value.NS.map(number) };
    if ("SS" in value) return { SS: reversed ? [...value.SS].reverse() : value.SS };
    if ("L" in value) return { L: value.L.map((element) => this.respelt(element)) };
    if (!("M" in value)) return value;
    const members = Object.entries(value.M).map(([name, member]) => [name, this.respelt(member)]);
    return { M: Object.fromEntries(reversed ? members.reverse() : members) };
  }

  #value(value: AttributeValue): string {
    const alias = `:${this.#how.prefix}${this.#values.size}`;
    this.#values.set(alias, this.respelt(value));
    return alias;
  }

  #path(path: Path): string {
    return path.reduce<string>((before, part) => {
      if (typeof part === "number") return `${before}[${part}]`;
      const isBare = !this.#how.alwaysAlias && !/^(size|owner|rank)$/.test(part);
      return `${before}${before && "."}${isBare ? part : this.#alias(part)}`;
    }, "");
  }

  #alias(name: string): string {
    const alias = `#${this.#how.prefix}${name}`;
    this.#names.set(alias, name);
    return alias;
  }
}
