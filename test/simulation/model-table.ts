/** The truth: every table, every life of it, every item, and every state that the item was ever in. */

import type { Input, Item } from "../../src/dynamodb/model.ts";

/** An item's state; undefined = there is none. */
export type Image = Item | undefined;

export interface Commit {
  readonly atMs: number;
  readonly image: Image;
}

/** A bound that only rises, and remembers since when. */
export class Floor {
  readonly #raised: { readonly value: number; readonly turn: number; readonly atMs: number }[] = [];

  raise(value: number, now: { readonly turn: number; nowMs(): number }): void {
    const last = this.#raised.at(-1);
    if (last === undefined || last.value < value)
      this.#raised.push({ value, turn: now.turn, atMs: now.nowMs() });
  }

  /** What it was when the event `turn` began, if it was raised after the event `since`. */
  at(turn: number, since = 0): number {
    const last = this.#raised.findLast((one) => one.turn < turn);
    return last !== undefined && last.turn > since ? last.value : 0;
  }

  /** What it was before this moment, if it was raised after the event `since`. */
  before(ms: number, since = 0): number {
    const last = this.#raised.findLast((one) => one.atMs < ms);
    return last !== undefined && last.turn > since ? last.value : 0;
  }
}

/** All states of one item, in the order of their commits; the first is "absent", since ever. */
export class ItemHistory {
  readonly life: TableLife;
  readonly key: string;
  readonly commits: Commit[];
  /** The newest commit that was acknowledged to its client. */
  readonly acknowledged = new Floor();
  /** The newest of unknown outcome that its client was told of and that every replica has. */
  readonly settled = new Floor();
  /** For each commit: when it was acknowledged, or, its outcome unknown, told of and in every index. */
  readonly indexedAt = new Map<number, number>();
  /** The newest commit that a strong read has shown to a client. */
  readonly shown = new Floor();

  /** @param of another view of the same item, with floors of its own */
  constructor(life: TableLife, key: string, of?: ItemHistory) {
    this.life = life;
    this.key = key;
    this.commits = of?.commits ?? [{ atMs: Number.NEGATIVE_INFINITY, image: undefined }];
  }

  get newest(): Image {
    return this.commits[this.commits.length - 1]!.image;
  }

  /** The index of the newest commit at this moment. */
  indexAt(ms: number): number {
    let index = this.commits.length - 1;
    while (this.commits[index]!.atMs > ms) index -= 1;
    return index;
  }

  /**
   * The newest commit told of before the event `turn` that left or entered the index partition which
   * `belongs` names; told of after the event `since`.
   */
  indexedAtTurn(turn: number, belongs: (image: Item) => boolean, since = 0): number {
    for (let index = this.commits.length - 1; index > 0; index -= 1) {
      const told = this.indexedAt.get(index);
      if (told === undefined || told >= turn || told <= since) continue;
      const images = [this.commits[index]!.image, this.commits[index - 1]!.image];
      if (images.some((image) => image !== undefined && belongs(image))) return index;
    }
    return 0;
  }

  /** @returns the new commit's index */
  commit(atMs: number, image: Image): number {
    const index = this.commits.push({ atMs, image }) - 1;
    this.life.committed(this, index);
    return index;
  }
}

export interface KeyShape {
  readonly partition: string;
  readonly sort: string | undefined;
}

export const localIndex = "local";
export const globalIndex = "global";
/** Sort key of the LSI. */
export const localSort = "h";

/** A table from its creation to its deletion. */
export class TableLife {
  readonly table: string;
  readonly number: number;
  readonly shape: KeyShape;
  readonly items = new Map<string, ItemHistory>();
  deletedAtMs = Number.POSITIVE_INFINITY;
  /** The GSI's key; undefined = there is no GSI now. */
  globalKey: string | undefined;
  /** Its stream's, if it has one, and what tells that of each commit. */
  streamArn: string | undefined;
  committed: (history: ItemHistory, index: number) => void = () => {};

  constructor(table: string, number: number, shape: KeyShape, globalKey: string | undefined) {
    this.table = table;
    this.number = number;
    this.shape = shape;
    this.globalKey = globalKey;
  }

  history(key: string): ItemHistory {
    let history = this.items.get(key);
    if (history === undefined) {
      history = new ItemHistory(this, key);
      this.items.set(key, history);
    }
    return history;
  }

  /** The key of an item, or of a request's Key; undefined if an attribute is missing. */
  keyOf(source: Input): string | undefined {
    const partition = textOf(source, this.shape.partition);
    if (this.shape.sort === undefined) return partition;
    const sort = textOf(source, this.shape.sort);
    return partition === undefined || sort === undefined ? undefined : `${partition}/${sort}`;
  }

  /** The attributes of `source` that make up its Key here. */
  pickKey(source: Item): Item {
    const { partition, sort } = this.shape;
    const names = sort === undefined ? [partition] : [partition, sort];
    return Object.fromEntries(names.flatMap((name) => (source[name] ? [[name, source[name]]] : [])));
  }

  fits(key: Input): boolean {
    const size = this.shape.sort === undefined ? 1 : 2;
    return Object.keys(key).length === size && this.keyOf(key) !== undefined;
  }
}

export class ModelTable {
  readonly name: string;
  readonly lives: TableLife[] = [];
  /** The oldest life whose items may still be shown. */
  readonly floor = new Floor();

  constructor(name: string) {
    this.name = name;
  }

  get current(): TableLife | undefined {
    const last = this.lives.at(-1);
    return last?.deletedAtMs === Number.POSITIVE_INFINITY ? last : undefined;
  }

  create(shape: KeyShape, globalKey: string | undefined): void {
    this.lives.push(new TableLife(this.name, this.lives.length, shape, globalKey));
  }
}

/** The text of a string attribute. */
export function textOf(source: Input, name: string): string | undefined {
  const value = source[name];
  if (typeof value !== "object" || value === null) return undefined;
  const text: unknown = Reflect.get(value, "S");
  return typeof text === "string" ? text : undefined;
}

/** The unique number that every written image carries. */
export function versionOf(image: Item): string | undefined {
  const value = image.v;
  return value !== undefined && "N" in value ? value.N : undefined;
}
