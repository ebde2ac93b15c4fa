// A checkpoint kept in memory, for tests that need to look into it, harm it, or have it fail.

import type { CheckpointPort } from "../../src/invalidation/stream-checkpoint.ts";
import { StoreUnavailable } from "../../src/redis/shared-store.ts";

export class KeptCheckpoint implements CheckpointPort {
  fields = new Map<string, string>();
  /** What was done, in order: "load", "save", "drop". */
  readonly calls: string[] = [];
  /** Which calls fail now. */
  failing: readonly ("load" | "save" | "drop")[] = [];
  /** Called before each save is carried out. */
  onSave: (fields: ReadonlyMap<string, string>) => void = () => {};
  readonly clock = { earliestMs: (ms: number) => ms + 1_000 - 3, latestMs: (ms: number) => ms + 1_000 + 3 };

  async load(): Promise<ReadonlyMap<string, string>> {
    this.#call("load");
    return new Map(this.fields);
  }

  async save(fields: ReadonlyMap<string, string>): Promise<void> {
    this.#call("save");
    this.onSave(fields);
    for (const [name, value] of fields) {
      if (value === "") this.fields.delete(name);
      else this.fields.set(name, value);
    }
  }

  async drop(): Promise<void> {
    this.#call("drop");
    this.fields.clear();
  }

  /** As seen by a leader that is cut off from now on: it hears nothing, and changes nothing. */
  handle(): { readonly port: CheckpointPort; cut(): void } {
    let isCut = false;
    const through =
      <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
      async (...args: Args): Promise<T> => {
        if (isCut) throw new StoreUnavailable("down", "cut off");
        return call(...args);
      };
    const port = {
      clock: this.clock,
      load: through(() => this.load()),
      save: through((fields: ReadonlyMap<string, string>) => this.save(fields)),
      drop: through(() => this.drop()),
    };
    const cut = (): void => {
      isCut = true;
    };
    return { port, cut };
  }

  /** The shards' fields, by shard. */
  shards(): Map<string, string> {
    return new Map(
      [...this.fields].flatMap(([name, value]) => (name.startsWith("s:") ? [[name.slice(2), value]] : [])),
    );
  }

  #call(name: "load" | "save" | "drop"): void {
    this.calls.push(name);
    if (this.failing.includes(name)) throw new StoreUnavailable("down", `${name} fails`);
  }
}
