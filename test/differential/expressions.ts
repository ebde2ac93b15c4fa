// Random expressions of every form. A piece writes itself with a speller, which hands out placeholders.

import fc from "fast-check";
import { reservedWords } from "../../src/dynamodb/expression/reserved-words.ts";
import type { AttributeValue } from "../../src/dynamodb/model.ts";
import { often, rarely } from "./chance.ts";
import { type KeyName, keyValue, type Pick, rangePick, type Shape } from "./shapes.ts";
import { inOrder, listValue, numberValue, type Path, path, setValue, textValue, value } from "./values.ts";

export interface Style {
  readonly prefix: string;
  readonly alwaysAlias: boolean;
  readonly upper: boolean;
  readonly space: string;
}

export const style: fc.Arbitrary<Style> = fc.record({
  prefix: fc.constantFrom("a", "v", "0", "_x", "Z9"),
  alwaysAlias: fc.boolean(),
  upper: fc.boolean(),
  space: fc.constantFrom(" ", " ", "  ", "\n", "\t "),
});

/** Writes names, paths and values for one request and remembers the placeholders it gave them. */
export class Speller {
  readonly shape: Shape;
  readonly #style: Style;
  readonly #names = new Map<string, string>();
  readonly #values: AttributeValue[] = [];

  constructor(shape: Shape, style: Style) {
    this.shape = shape;
    this.#style = style;
  }

  name(name: string): string {
    const plain = /^[A-Za-z][A-Za-z0-9_]*$/.test(name) && !reservedWords.has(name.toUpperCase());
    if (plain && !this.#style.alwaysAlias) return name;
    const alias = this.#names.get(name) ?? `#${this.#style.prefix}${this.#names.size}`;
    this.#names.set(name, alias);
    return alias;
  }

  path(path: Path): string {
    return path
      .map((step, at) => (typeof step === "number" ? `[${step}]` : `${at > 0 ? "." : ""}${this.name(step)}`))
      .join("");
  }

  value(value: AttributeValue): string {
    this.#values.push(value);
    return `:${this.#style.prefix}${this.#values.length - 1}`;
  }

  key(name: KeyName, pick: Pick): string {
    return this.value(keyValue(this.shape, name, pick));
  }

  word(word: string): string {
    return this.#style.upper ? word.toUpperCase() : word;
  }

  join(parts: readonly string[], word: string): string {
    const { space } = this.#style;
    return parts.join(word === "," ? `,${space}` : `${space}${this.word(word)}${space}`);
  }

  /** ExpressionAttributeNames and -Values, where there are any. */
  placeholders(): Record<string, unknown> {
    const names = [...this.#names].map(([name, alias]) => [alias, name] as const);
    const values = this.#values.map((value, at) => [`:${this.#style.prefix}${at}`, value] as const);
    return {
      ...(names.length > 0 && { ExpressionAttributeNames: Object.fromEntries(names) }),
      ...(values.length > 0 && { ExpressionAttributeValues: Object.fromEntries(values) }),
    };
  }
}

export type Piece = (speller: Speller) => string;

const comparator = fc.constantFrom("=", "<>", "<", "<=", ">", ">=", "=", "=");
/** A path and a value that it may well have. */
const pair: fc.Arbitrary<readonly [Path, AttributeValue]> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom<Path>(["n"], ["m", "a"], ["l", 0]), numberValue) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom<Path>(["x"], ["y"], ["m", "b"]), textValue) },
  { weight: 2, arbitrary: fc.tuple(path, value) },
);
const typeName = fc.constantFrom(..."S N B BOOL NULL M L SS NS BS".split(" "));
const call =
  (name: string) =>
  (found: Path, given: AttributeValue): Piece => {
    return (s) => `${name}(${s.path(found)}, ${s.value(given)})`;
  };

const leaf: fc.Arbitrary<Piece> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(pair, comparator).map(([[found, given], operator]): Piece => {
      return (s) => `${s.path(found)} ${operator} ${s.value(given)}`;
    }),
  },
  fc.tuple(path, comparator, path).map(
    ([a, operator, b]): Piece =>
      (s) =>
        `${s.path(a)}${operator}${s.path(b)}`,
  ),
  fc.tuple(pair, numberValue).map(
    ([[found], size]): Piece =>
      (s) =>
        `size(${s.path(found)})>=${s.value(size)}`,
  ),
  fc.tuple(pair, inOrder).map(
    ([[found], [low, high]]): Piece =>
      (s) => {
        return `${s.path(found)} ${s.join([`${s.word("between")} ${s.value(low)}`, s.value(high)], "and")}`;
      },
  ),
  fc.tuple(pair, fc.array(value, { maxLength: 2 })).map(
    ([[found, given], more]): Piece =>
      (s) => {
        return `${s.path(found)} ${s.word("in")} (${[given, ...more].map((one) => s.value(one)).join(",")})`;
      },
  ),
  fc.tuple(path, textValue).map(([found, given]) => call("begins_with")(found, given)),
  pair.map(([found, given]) => call("contains")(found, given)),
  fc.tuple(path, typeName).map(([found, S]) => call("attribute_type")(found, { S })),
  path.map(
    (found): Piece =>
      (s) =>
        `attribute_exists(${s.path(found)})`,
  ),
  path.map(
    (found): Piece =>
      (s) =>
        `attribute_not_exists(${s.path(found)})`,
  ),
);

const tree: fc.Memo<Piece> = fc.memo((depth) => {
  if (depth <= 1) return leaf;
  const chain = fc
    .tuple(fc.constantFrom("and", "or"), fc.array(tree(depth - 1), { minLength: 2, maxLength: 3 }))
    .map(
      ([word, parts]): Piece =>
        (s) =>
          `(${s.join(
            parts.map((part) => part(s)),
            word,
          )})`,
    );
  const not = tree(depth - 1).map(
    (part): Piece =>
      (s) =>
        `${s.word("not")} ${part(s)}`,
  );
  return fc.oneof({ weight: 4, arbitrary: leaf }, chain, not);
});

/** A FilterExpression; no part of it names a key but by chance. */
export const filter: fc.Arbitrary<Piece> = tree(3);

const existence = fc.constantFrom("attribute_exists", "attribute_not_exists");
/** A ConditionExpression; about half of them hold. */
export const condition: fc.Arbitrary<Piece> = fc.oneof(
  {
    weight: 2,
    arbitrary: existence.map(
      (name): Piece =>
        (s) =>
          `${name}(${s.name("pk")})`,
    ),
  },
  { weight: 2, arbitrary: tree(2) },
);

/** A ProjectionExpression. Paths overlap now and then, which DynamoDB refuses. */
export const projection: fc.Arbitrary<Piece> = fc
  .tuple(fc.uniqueArray(path, { minLength: 1, maxLength: 4, comparator: overlap }), rarely(path, 40))
  .map(([paths, another]) => (s) => {
    const all = another ? [...paths, another] : paths;
    return s.join(
      all.map((one) => s.path(one)),
      ",",
    );
  });

function overlap(a: Path, b: Path): boolean {
  return a.slice(0, b.length).join("/") === b.slice(0, a.length).join("/");
}

interface Action {
  readonly clause: "SET" | "REMOVE" | "ADD" | "DELETE";
  readonly target: Path;
  readonly write: Piece;
}

const target = fc.constantFrom<Path>(
  ...[["x"], ["x"], ["y"], ["y"], ["n"], ["n"], ["m"], ["l"], ["status"], ["a.b"], ["__proto__"]],
  ...[
    ["m", "a"],
    ["m", "b"],
    ["l", 0],
    ["l", 1],
    ["l", 7],
    ["m", "l", 0],
  ],
);
const set = (found: Path, operand: Piece): Action => {
  return { clause: "SET", target: found, write: (s) => `${s.path(found)} = ${operand(s)}` };
};
const orElse = (found: Path, given: AttributeValue): Piece => {
  return (s) => `if_not_exists(${s.path(found)}, ${s.value(given)})`;
};
const keyAttribute = fc.constantFrom<KeyName>("gk", "gs", "ls", "gk");

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(target, value).map(([found, given]) => set(found, (s) => s.value(given))),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(keyAttribute, rangePick).map(([name, pick]) => set([name], (s) => s.key(name, pick))),
  },
  fc.tuple(target, path).map(([found, from]) => set(found, (s) => s.path(from))),
  fc.tuple(target, path, value).map(([found, from, given]) => set(found, orElse(from, given))),
  fc
    .tuple(fc.constantFrom("+", "-"), numberValue, numberValue, fc.boolean())
    .map(([sign, first, by, safe]) =>
      set(["n"], (s) => `${safe ? orElse(["n"], first)(s) : s.name("n")} ${sign} ${s.value(by)}`),
    ),
  fc.tuple(listValue, listValue, fc.boolean()).map(([first, more, front]) =>
    set(["l"], (s) => {
      const sides = [orElse(["l"], first)(s), s.value(more)];
      return `list_append(${(front ? sides.reverse() : sides).join(", ")})`;
    }),
  ),
  {
    weight: 3,
    arbitrary: fc
      .oneof(
        target,
        keyAttribute.map((name): Path => [name]),
      )
      .map((found): Action => ({ clause: "REMOVE", target: found, write: (s) => s.path(found) })),
  },
  fc.tuple(fc.constantFrom<Path>(["n"], ["n"], ["x"], ["m", "a"]), numberValue).map(
    ([found, by]): Action => ({
      clause: "ADD",
      target: found,
      write: (s) => `${s.path(found)} ${s.value(by)}`,
    }),
  ),
  fc.tuple(fc.constantFrom("ADD" as const, "DELETE" as const), setValue).map(
    ([clause, given]): Action => ({
      clause,
      target: ["s"],
      write: (s) => `${s.name("s")} ${s.value(given)}`,
    }),
  ),
);
const onKey: fc.Arbitrary<Action> = rangePick.map((pick) => set(["pk"], (s) => s.key("pk", pick)));

/** An UpdateExpression with one to four actions on different attributes, its clauses in any order. */
export const update: fc.Arbitrary<Piece> = fc
  .tuple(
    fc.uniqueArray(action, { minLength: 1, maxLength: 4, selector: (one) => one.target[0] }),
    rarely(onKey, 40),
    rarely(action, 25),
    often(fc.constant("reversed"), 1),
  )
  .map(([actions, key, overlapping, order]) => (s) => {
    const all = [...actions, ...(key ? [key] : []), ...(overlapping ? [overlapping] : [])];
    const clauses = (["SET", "REMOVE", "ADD", "DELETE"] as const).flatMap((clause) => {
      const parts = all.filter((one) => one.clause === clause).map((one) => one.write(s));
      return parts.length > 0 ? [`${clause} ${s.join(parts, ",")}`] : [];
    });
    return (order === "reversed" ? clauses.reverse() : clauses).join(" ");
  });
