/** The store over a real Valkey keeps the contract, and says that it is Valkey. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { need } from "../support/install.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { obtainValkey } from "../support/valkey-server.ts";
import { endAll, upOn } from "./redis-node.ts";
import { sharedStoreContract } from "./shared-store.ts";
import { storesOn } from "./shared-store-real.ts";

const valkey = await obtainValkey();
let server: RedisServer | undefined;
beforeAll(async () => {
  if (valkey.missing === undefined) server = await startRedis({ program: valkey.found });
});
afterAll(async () => {
  await endAll();
  await server?.stop();
});

const url = (): string => server?.url ?? expect.fail("no server was started");

it("is known by its own name", async (ctx) => {
  need(ctx, valkey);
  const { store } = await upOn(url());
  expect(store.facts().server).toMatch(/^valkey \d/);
});

if (valkey.missing === undefined) sharedStoreContract("Valkey", storesOn(url));
