/** A shared store that does what the real one does, apart from what a mutant does otherwise. */

import type {
  Changed,
  EntryName,
  LogMessage,
  Look,
  OnContact,
  ReferenceClock,
  SharedStore,
  StoreFacts,
  TagChange,
  TagState,
} from "../../src/redis/shared-store.ts";

export class StoreAround implements SharedStore {
  protected readonly real: SharedStore;

  constructor(real: SharedStore) {
    this.real = real;
  }

  get clock(): ReferenceClock {
    return this.real.clock;
  }

  get isUp(): boolean {
    return this.real.isUp;
  }

  get identity(): string {
    return this.real.identity;
  }

  get mayEvict(): boolean {
    return this.real.mayEvict;
  }

  start(onContact: OnContact): void {
    this.real.start(onContact);
  }

  close(): Promise<void> {
    return this.real.close();
  }

  facts(): StoreFacts {
    return this.real.facts();
  }

  look(name: EntryName, tags: readonly string[]): Promise<Look> {
    return this.real.look(name, tags);
  }

  ensure(tags: readonly string[], bornAtMs: number): Promise<readonly TagState[]> {
    return this.real.ensure(tags, bornAtMs);
  }

  put(name: EntryName, value: Uint8Array, expireMs: number): Promise<void> {
    return this.real.put(name, value, expireMs);
  }

  change(change: TagChange): Promise<Changed> {
    return this.real.change(change);
  }

  mark(...asked: Parameters<SharedStore["mark"]>): ReturnType<SharedStore["mark"]> {
    return this.real.mark(...asked);
  }

  unmark(tags: readonly string[], writer: string): Promise<void> {
    return this.real.unmark(tags, writer);
  }

  beat(body: Uint8Array): Promise<{ readonly sequence: number; readonly acknowledged: boolean }> {
    return this.real.beat(body);
  }

  readLog(after: number, countMax: number, waitMs: number): Promise<readonly LogMessage[]> {
    return this.real.readLog(after, countMax, waitMs);
  }

  logTail(): Promise<number> {
    return this.real.logTail();
  }

  lease(name: string, holder: string, forMs: number): Promise<boolean> {
    return this.real.lease(name, holder, forMs);
  }

  release(name: string, holder: string): Promise<void> {
    return this.real.release(name, holder);
  }

  saveCheckpoint(name: string, fields: ReadonlyMap<string, string>, keepMs: number): Promise<void> {
    return this.real.saveCheckpoint(name, fields, keepMs);
  }

  loadCheckpoint(name: string): Promise<ReadonlyMap<string, string>> {
    return this.real.loadCheckpoint(name);
  }

  dropCheckpoint(name: string): Promise<void> {
    return this.real.dropCheckpoint(name);
  }
}

/** Tags as states that are not known to be marked, or changed. */
export function withStates(
  states: readonly (TagState | undefined)[],
  how: (state: TagState) => TagState,
): (TagState | undefined)[] {
  return states.map((state) => state && how(state));
}
