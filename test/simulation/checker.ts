/**
 * The contract (docs/CONSISTENCY.md, one node) as a check of every single answer. An answer is right if, for
 * some life of its table that may still be shown, each item in it is a state that the item really had, each
 * item missing from it really was not there, and none of these states is older than the read's bound:
 *
 * | read | never older than |
 * |---|---|
 * | GetItem, BatchGetItem, Query (table, LSI) | the newest write acknowledged before the read began |
 * | GetItem, BatchGetItem | and what a strong read had shown before that |
 * | a hit on a Scan | the newest write acknowledged before the read began |
 * | a hit on a GSI | the newest of them that moved or changed the item in the partition which is read |
 * | other Scans and GSI Queries, what passed by | what a direct eventually consistent read could give |
 * | all | a direct read at the age that the TTL and the caller's wishes allow |
 * | strong, transactional | the newest commit when the read began |
 *
 * A write of unknown outcome counts as acknowledged once its client has heard so and every replica has it. An
 * answer shared with a read on its way is held to that for the moment when that read may have begun; what was
 * acknowledged counts in full. While strong reads are refused, those who needed them get what a direct read
 * gives.
 */

import { isDeepStrictEqual } from "node:util";
import { type Input, type Item, isObject } from "../../src/dynamodb/model.ts";
import type { Circumstances } from "./circumstances.ts";
import { projected } from "./model-reads.ts";
import { type Image, type ItemHistory, type ModelTable, type TableLife, versionOf } from "./model-table.ts";

export interface Moment {
  readonly ms: number;
  readonly turn: number;
}

/** What an answer claims: these items, of those that it speaks about. */
export interface Claim {
  readonly table: string;
  readonly items: readonly Item[];
  /** The items that the answer speaks about in this life; undefined if the request fits no such life. */
  readonly scope: (life: TableLife) => readonly ItemHistory[] | undefined;
  /** Whether an item in this state belongs into the answer, and whether an answer without it still stands. */
  readonly belongs: (image: Item, life: TableLife) => boolean;
  readonly beyond: (image: Item) => boolean;
  readonly projection: unknown;
}

/** By table: what anybody committed so many milliseconds before the read began must show. */
export type Around = ReadonlyMap<string, number>;

export interface Bound {
  /** Which floors hold: what was acknowledged, that and what was shown, or only what a direct read gives. */
  readonly floor: "strong" | "shown" | "acknowledged" | "indexed" | "direct";
  readonly lagMs: number;
  /** How old the upstream read behind the answer may be. */
  readonly ageMs: number;
  readonly shared: boolean;
  /** When a strong read was refused in the answer's time; undefined = none was. */
  readonly refusedAtMs: number | undefined;
  /** What anybody committed so long before must show; undefined = only the other bounds hold. */
  readonly aroundMs?: number | undefined;
}

export class Checker {
  readonly #circumstances: Circumstances;
  readonly #tables: ReadonlyMap<string, ModelTable>;
  readonly #seen: (history: ItemHistory) => ItemHistory;
  /** The event in which the node began: of what was told before, it knows nothing. */
  bornTurn = 0;

  /** @param seen where the floors of an item stand, for one of several nodes */
  constructor(
    circumstances: Circumstances,
    tables: ReadonlyMap<string, ModelTable>,
    seen: (history: ItemHistory) => ItemHistory = (history) => history,
  ) {
    this.#circumstances = circumstances;
    this.#tables = tables;
    this.#seen = seen;
  }

  /** What is wrong with the claim; undefined = it keeps the contract. */
  fault(claim: Claim, bound: Bound, began: Moment): string | undefined {
    const table = this.#tables.get(claim.table);
    if (table === undefined) return `no table ${claim.table}`;
    const floor = bound.floor === "direct" || bound.floor === "strong" ? 0 : table.floor.at(began.turn);
    const lives = table.lives.filter(
      (life) => life.number >= floor && life.deletedAtMs >= began.ms - bound.ageMs,
    );
    const faults: string[] = [];
    for (const life of lives) {
      const fault = this.#faultIn(life, claim, bound, began);
      if (fault === undefined) return undefined;
      faults.push(`life ${life.number}: ${fault}`);
    }
    return faults.length === 0 ? `no life of ${claim.table} may be shown` : faults.join("; ");
  }

  /** What a strong answer has shown: from now on nothing older may be. */
  learn(claim: Claim, now: { readonly turn: number; nowMs(): number }, began: Moment): void {
    const life = this.#tables.get(claim.table)?.current;
    for (const history of (life && claim.scope(life)) ?? []) {
      const item = life && claim.items.find((one) => life.keyOf(one) === history.key);
      const from = history.indexAt(began.ms - 1);
      const index = history.commits.findIndex(
        ({ image }, at) => at >= from && same(item, image, claim.projection),
      );
      if (index > 0) this.#seen(history).shown.raise(index, now);
    }
  }

  #faultIn(life: TableLife, claim: Claim, bound: Bound, began: Moment): string | undefined {
    const scope = claim.scope(life);
    if (scope === undefined) return "its keys are others";
    const shown = new Map(claim.items.map((item) => [life.keyOf(item), item]));
    if (shown.size !== claim.items.length) return "an item stands in it twice";
    let found = 0;
    for (const history of scope) {
      const item = shown.get(history.key);
      const lowest = this.#lowest(this.#seen(history), bound, began, (image) => claim.belongs(image, life));
      if (item !== undefined) found += 1;
      const fault =
        item === undefined ? absence(history, lowest, claim) : presence(history, item, lowest, claim);
      if (fault !== undefined) return `${history.key} ${fault}`;
    }
    return found === shown.size ? undefined : "it has items that it should not have";
  }

  /** The oldest commit of the item that may be shown. */
  #lowest(history: ItemHistory, bound: Bound, began: Moment, belongs: (image: Item) => boolean): number {
    const { lagMs, ageMs, shared, refusedAtMs } = bound;
    const { deadlineMs } = this.#circumstances;
    const since = this.bornTurn;
    if (bound.floor === "strong") return history.indexAt(began.ms - 1);
    const around = this.#around(history, bound, began);
    const aged = Math.max(around, history.indexAt(began.ms - ageMs - lagMs));
    if (bound.floor === "direct") return aged;
    // A write tells of the index partitions that its item leaves and enters, not of those that others have
    // told it to leave: 1 X moves the item out of partition p · 2 Y deletes it and is acknowledged · 3 until X is
    // acknowledged too, p may show the item.
    if (bound.floor === "indexed")
      return Math.max(aged, history.indexedAtTurn(began.turn, belongs, this.bornTurn));
    let floor = Math.max(
      history.acknowledged.at(began.turn, since),
      bound.floor === "shown" ? history.shown.at(began.turn, since) : 0,
      shared ? history.settled.before(began.ms - deadlineMs, since) : history.settled.at(began.turn, since),
    );
    if (refusedAtMs !== undefined) floor = Math.min(floor, history.indexAt(refusedAtMs - lagMs));
    return Math.max(aged, floor);
  }

  /** What a followed stream has told of, or the gate has seen to. */
  #around(history: ItemHistory, { aroundMs, refusedAtMs, lagMs }: Bound, began: Moment): number {
    if (aroundMs === undefined) return 0;
    const index = history.indexAt(began.ms - Math.max(aroundMs, lagMs));
    return refusedAtMs === undefined ? index : Math.min(index, history.indexAt(refusedAtMs - lagMs));
  }
}

function presence(history: ItemHistory, item: Item, lowest: number, claim: Claim): string | undefined {
  const index = history.commits.findLastIndex(({ image }) => same(item, image, claim.projection));
  const image = history.commits[index]?.image;
  if (image === undefined) return `was never ${JSON.stringify(item)}`;
  if (!claim.belongs(image, history.life)) return `does not belong there as v${versionOf(image)}`;
  return index < lowest
    ? `is shown as ${name(history, index)}, but must be ${name(history, lowest)} or later`
    : undefined;
}

function absence(history: ItemHistory, lowest: number, claim: Claim): string | undefined {
  for (let index = history.commits.length - 1; index >= lowest; index -= 1) {
    const image = history.commits[index]?.image;
    if (image === undefined || !claim.belongs(image, history.life) || claim.beyond(image)) return undefined;
  }
  return `is missing, but has been there since ${name(history, lowest)}`;
}

function same(item: Image, image: Image, projection: unknown): boolean {
  if (item === undefined || image === undefined) return item === image;
  return versionOf(item) === versionOf(image) && isDeepStrictEqual(item, projected(image, projection));
}

function name(history: ItemHistory, index: number): string {
  const { image, atMs } = history.commits[index]!;
  return `${image ? `v${versionOf(image)}` : "absent"} (commit ${index} at ${atMs})`;
}

/** The items in a member of a reply body. */
export function itemsOf(value: unknown): readonly Item[] {
  // The codec edge: the model wrote these items itself.
  return (Array.isArray(value) ? value : isObject(value) ? [value] : []) as readonly Item[];
}

export function member(input: Input, name: string): Input {
  const value = input[name];
  return isObject(value) ? value : {};
}
