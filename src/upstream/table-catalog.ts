// What tables look like: described on first use, described again at least every refreshMs, dropped when
// changed. Nobody gets a changed schema before onChange has heard of the change.
//
// A describe's answer is as old as its start. It is thrown away, and the describe repeated, if meanwhile any
// table changed, vanished or was forgotten (#changes): 1 a describe starts · 2 UpdateTable passes and
// forget() is called · 3 the describe's answer, read before the update, arrives. Of two answers the one that
// started later wins (seq).

import type { TableSchema } from "../dynamodb/model.ts";
import { type TableCatalogOptions, withDefaults } from "./catalog-options.ts";
import type { Description } from "./describe-table.ts";
import { type KnownTable, mayMean, newKnownTable } from "./known-table.ts";

/** When a description was asked for: in which order, at what time, at which version of the table's name. */
interface Asked {
  readonly seq: number;
  readonly startedAtMs: number;
  readonly version: number;
}

const attemptsMax = 4;
const referencesMax = 8;

export class TableCatalog {
  readonly #options: Required<TableCatalogOptions>;
  readonly #tables = new Map<string, KnownTable>();
  readonly #byReference = new Map<string, KnownTable>();
  /** Until when a reference is taken to name nothing, and at which version of its name. */
  readonly #absent = new Map<string, { readonly untilMs: number; readonly version: number }>();
  readonly #flights = new Map<string, Promise<TableSchema | undefined>>();
  readonly #delayed = new Map<string, Promise<TableSchema | undefined>>();
  #seq = 0;
  #changes = 0;
  #uses = 0;

  constructor(options: TableCatalogOptions) {
    this.#options = withDefaults(options);
  }

  /**
   * The table's schema by TableName or ARN, at once if it is known and young enough; undefined if the table
   * is not there, not ACTIVE or UPDATING, may not be described, or could not be described before the
   * deadline. While upstream cannot be reached, a schema known before stays in use.
   */
  schema(
    reference: string,
    deadlineAtMs: number,
  ): TableSchema | undefined | Promise<TableSchema | undefined> {
    const now = this.#options.clock.nowMs();
    const known = this.#byReference.get(reference);
    if (known === undefined) {
      const absent = this.#absent.get(reference);
      if (absent !== undefined && now < absent.untilMs && absent.version === this.#versionOf(reference))
        return undefined;
      return this.#before(deadlineAtMs, this.#describe(reference));
    }
    known.used = ++this.#uses;
    const { refreshMs, retryMs, describeTimeoutMs } = this.#options;
    if (this.#isDoubted(known)) {
      return now < known.retryAtMs ? undefined : this.#before(deadlineAtMs, this.#describe(reference));
    }
    const ageMs = now - known.describedAtMs;
    if (ageMs < refreshMs * 0.75) return known.schema;
    // Attempts follow each other while there is use: a failure older than two of them is no sign of an outage
    // now.
    const failing = now - known.failedAtMs < 2 * (retryMs + describeTimeoutMs);
    if (ageMs >= refreshMs && !failing) return this.#before(deadlineAtMs, this.#describe(reference));
    // An error here is a bug in onChange; the table counts as forgotten then, and the next use meets it.
    if (now >= known.retryAtMs) this.#describe(reference).catch(() => {});
    return known.schema;
  }

  /** Everything described and not evicted, also what was forgotten and not yet described anew. */
  known(): readonly TableSchema[] {
    return [...this.#tables.values()].map((known) => known.schema);
  }

  /** As known, without what has to be described anew first. */
  current(): readonly TableSchema[] {
    return [...this.#tables.values()].filter((known) => !this.#isDoubted(known)).map((known) => known.schema);
  }

  /** Has a known table described again if that is due, although nobody uses it. */
  keepFresh({ tableId }: TableSchema, deadlineAtMs: number): void {
    const [asked] = this.#tables.get(tableId)?.references ?? [];
    if (asked === undefined) return;
    const described = this.schema(asked, deadlineAtMs);
    if (described instanceof Promise) handled(described);
  }

  /** The next use describes anew; no answer to a describe that is already on its way will be kept. */
  forget(reference: string): void {
    const { versions } = this.#options;
    versions.raise(versions.slotOf(reference));
    this.#changes += 1;
    this.#absent.clear();
    for (const known of this.#tables.values()) {
      if (!mayMean(reference, known)) continue;
      known.forgotten = true;
      known.retryAtMs = Number.NEGATIVE_INFINITY;
    }
  }

  /**
   * Describes the table now, because an answer did not fit what is known of it. The promise has the new
   * schema. More often than every retryMs it waits for the rest of that time, and all who ask meanwhile share
   * it.
   */
  refresh(reference: string): Promise<TableSchema | undefined> {
    const known = this.#byReference.get(reference) ?? this.#namesake(reference);
    if (known === undefined) return handled(this.#describeAgain(reference));
    const [asked = reference] = known.references;
    const delayed = this.#delayed.get(asked);
    if (delayed !== undefined) return delayed;
    const waitMs = known.refreshedAtMs + this.#options.retryMs - this.#options.clock.nowMs();
    if (waitMs <= 0) {
      known.refreshedAtMs = this.#options.clock.nowMs();
      return handled(this.#describeAgain(asked));
    }
    const pause = new Promise((resolve) => setTimeout(resolve, waitMs).unref());
    const later = pause.then(() => {
      this.#delayed.delete(asked);
      known.refreshedAtMs = this.#options.clock.nowMs();
      return this.#describeAgain(asked);
    });
    this.#delayed.set(asked, later);
    return handled(later);
  }

  #namesake(reference: string): KnownTable | undefined {
    return [...this.#tables.values()].find((known) => mayMean(reference, known));
  }

  #describeAgain(reference: string): Promise<TableSchema | undefined> {
    // What is on its way was perhaps read before the change: let it ask again.
    if (this.#flights.has(reference)) this.#changes += 1;
    return this.#describe(reference);
  }

  /** One describe per reference at a time; who comes later waits for the same. */
  #describe(reference: string): Promise<TableSchema | undefined> {
    const flying = this.#flights.get(reference);
    if (flying !== undefined) return flying;
    if (this.#flights.size >= this.#options.tablesMax) return Promise.resolve(undefined);
    const flight = this.#fly(reference).finally(() => this.#flights.delete(reference));
    this.#flights.set(reference, flight);
    return flight;
  }

  async #fly(reference: string): Promise<TableSchema | undefined> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const seq = ++this.#seq;
      const changes = this.#changes;
      const version = this.#versionOf(reference);
      const { clock, describe, describeTimeoutMs } = this.#options;
      const startedAtMs = clock.nowMs();
      const answer = await describe(reference, startedAtMs + describeTimeoutMs);
      const isUndisturbed = changes === this.#changes && version === this.#versionOf(reference);
      if (isUndisturbed) return this.#apply(reference, answer, { seq, startedAtMs, version });
    }
    return undefined; // Too much is changing to be sure of anything.
  }

  #versionOf(reference: string): number {
    const { versions } = this.#options;
    return versions.at(versions.slotOf(reference));
  }

  /** Whether it has to be described anew before its next use; at once, the first time that its version has moved. */
  #isDoubted(known: KnownTable): boolean {
    const version = this.#options.versions.at(known.slot);
    if (version === known.version) return known.forgotten;
    if (version !== known.doubtedVersion) known.retryAtMs = Number.NEGATIVE_INFINITY;
    known.doubtedVersion = version;
    return true;
  }

  #apply(reference: string, answer: Description, asked: Asked): TableSchema | undefined {
    const before = this.#byReference.get(reference);
    if (answer.kind === "table") {
      if (before !== undefined && before.schema.tableId !== answer.schema.tableId) this.#drop(before);
      const known = this.#tables.get(answer.schema.tableId) ?? this.#add(answer.schema, asked.version);
      this.#link(reference, known);
      return this.#learn(known, answer.schema, asked);
    }
    if (before === undefined) {
      this.#rememberAbsent(reference);
      return undefined;
    }
    if (answer.kind === "failed") {
      before.failedAtMs = this.#options.clock.nowMs();
      before.retryAtMs = before.failedAtMs + this.#options.retryMs;
      return this.#isDoubted(before) ? undefined : before.schema;
    }
    if (asked.seq > before.seq) {
      this.#drop(before);
      this.#rememberAbsent(reference);
      return undefined;
    }
    return before.schema;
  }

  #learn(known: KnownTable, next: TableSchema, { seq, startedAtMs, version }: Asked): TableSchema {
    if (seq < known.seq) return known.schema;
    const old = known.schema;
    known.version = version;
    if (old.fingerprint !== next.fingerprint) {
      this.#changes += 1;
      known.forgotten = true; // Should onChange throw, nobody gets either of the two.
      this.#announce(known);
      this.#options.onChange(old, next);
    }
    if (old.fingerprint !== next.fingerprint || old.streamArn !== next.streamArn) known.schema = next;
    known.forgotten = false;
    known.seq = seq;
    known.describedAtMs = startedAtMs;
    known.failedAtMs = Number.NEGATIVE_INFINITY;
    known.retryAtMs = Number.NEGATIVE_INFINITY;
    return known.schema;
  }

  /** Before anybody uses what is new: the other threads' descriptions of this table are used no more. */
  #announce(known: KnownTable): void {
    if (!this.#options.announces) return;
    const { before, after } = this.#options.versions.raise(known.slot);
    // If somebody else has raised it too, this description is doubted like theirs.
    if (before === known.version) known.version = after;
  }

  #add(schema: TableSchema, version: number): KnownTable {
    if (this.#tables.size >= this.#options.tablesMax) {
      // What was cached of an evicted table must go with it: nobody could notice that it changed meanwhile.
      const least = [...this.#tables.values()].reduce((a, b) => (a.used < b.used ? a : b));
      this.#drop(least);
    }
    const known = newKnownTable(
      schema,
      this.#options.versions.slotOf(schema.TableName),
      version,
      ++this.#uses,
    );
    this.#tables.set(schema.tableId, known);
    return known;
  }

  #link(reference: string, known: KnownTable): void {
    this.#absent.delete(reference);
    if (known.references.has(reference)) return;
    const [oldest] = known.references;
    if (known.references.size >= referencesMax && oldest !== undefined) {
      known.references.delete(oldest);
      this.#byReference.delete(oldest);
    }
    known.references.add(reference);
    this.#byReference.set(reference, known);
  }

  #drop(known: KnownTable): void {
    this.#changes += 1;
    this.#announce(known);
    this.#tables.delete(known.schema.tableId);
    for (const reference of known.references) this.#byReference.delete(reference);
    this.#options.onChange(known.schema, undefined);
  }

  #rememberAbsent(reference: string): void {
    const [oldest] = this.#absent.keys();
    if (this.#absent.size >= this.#options.tablesMax && oldest !== undefined) this.#absent.delete(oldest);
    const untilMs = this.#options.clock.nowMs() + this.#options.absentMs;
    this.#absent.set(reference, { untilMs, version: this.#versionOf(reference) });
  }

  /** The description, or undefined at the caller's own deadline; the describe goes on for the others. */
  #before<Value>(deadlineAtMs: number, promise: Promise<Value>): Promise<Value | undefined> {
    const leftMs = deadlineAtMs - this.#options.clock.nowMs();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(undefined), Math.max(0, leftMs));
      promise.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}

/** The same promise, of which nobody need wait for: a rejection is the next use's to meet. */
function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}
