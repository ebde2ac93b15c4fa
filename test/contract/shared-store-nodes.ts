/** Nodes that share a store, for the contract's tests: started, waited for, closed. */

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { type OnContact, type SharedStore, StoreUnavailable } from "../../src/redis/shared-store.ts";

/** Stores on one server that is empty at first. */
export interface StoresUnderTest {
  /** Another node's view of the same server, not yet started. */
  make(): SharedStore;
  /** Now, by the clock that the stores were given. */
  nowMs(): number;
  /** Lets so much time pass, for the stores and for the server. */
  passMs(ms: number): Promise<void>;
}

/** The world of one test: as many nodes as it asks for, all closed when it is over. */
export class Nodes {
  readonly world: StoresUnderTest;
  readonly #made: SharedStore[] = [];

  constructor(world: StoresUnderTest) {
    this.world = world;
  }

  /** A node that is not started. */
  idle(): SharedStore {
    const store = this.world.make();
    this.#made.push(store);
    return store;
  }

  /** A node that is up. */
  async up(onContact: OnContact = async () => {}): Promise<SharedStore> {
    const store = this.idle();
    store.start(onContact);
    await this.until(() => store.isUp);
    return store;
  }

  /** Waits, in steps of the world's time, until something is so. */
  async until(isSo: () => boolean): Promise<void> {
    for (let step = 0; step < 1_500 && !isSo(); step++) {
      await this.world.passMs(10);
      // A model may keep its own time: let its promises run.
      await sleep(0);
    }
    expect(isSo()).toBe(true);
  }

  async close(): Promise<void> {
    await Promise.all(this.#made.splice(0).map((store) => store.close()));
  }
}

/** The reason of a refusal. */
export async function refusalOf(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    () => expect.fail("expected a refusal"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreUnavailable);
  return error instanceof StoreUnavailable ? error.reason : "";
}

export const entryName = { key: "entry a", tag: "item a" };
