/** The store over a real Redis that speaks TLS only keeps the contract, and talks to nobody whom it cannot trust. */

import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Certificates } from "../support/certificates.ts";
import { type RedisServer, startRedis, until } from "../support/redis-server.ts";
import { endAll, nodeOf } from "./redis-node.ts";
import { sharedStoreContract } from "./shared-store.ts";
import { storesOn } from "./shared-store-real.ts";

const certificates = new Certificates();
const trusted = getCACertificates("default");
let redis: RedisServer;
beforeAll(async () => {
  certificates.makeAll();
  const [ca, cert, key] = ["ca.pem", "server.pem", "server.key"].map((name) => certificates.file(name));
  if (!ca || !cert || !key) throw new Error("no certificates");
  redis = await startRedis({ tls: { ca, cert, key }, password: "secret" });
});
afterAll(async () => {
  await endAll();
  await redis?.stop();
  certificates.remove();
});

// As NODE_EXTRA_CA_CERTS would for a process of its own.
function trust(...authorities: readonly string[]): void {
  setDefaultCACertificates([...trusted, ...authorities]);
}

describe("a Redis with TLS that cannot be trusted", () => {
  it.each([
    ["whose authority nobody knows", "127.0.0.1", "stranger.pem", /self-signed|unable to (get|verify)/],
    ["whose certificate is for another host", "127.0.0.2", "ca.pem", /altname|does not match|refused/i],
  ])("%s is not used, and why is told", async (_, host, authority, why) => {
    trust(certificates.pem(authority));
    const { store } = nodeOf(redis.url.replace("127.0.0.1", host));
    await until(() => store.facts().lastError !== undefined);
    expect(store.facts().lastError).toMatch(why);
    expect(store.isUp).toBe(false);
  });

  it("a server that speaks no TLS is not spoken to", async () => {
    const plain = await startRedis();
    try {
      const { store } = nodeOf(plain.url.replace("redis:", "rediss:"));
      await until(() => store.facts().lastError !== undefined);
      expect(store.isUp).toBe(false);
    } finally {
      await plain.stop();
    }
  });
});

describe("a Redis with TLS", () => {
  beforeAll(() => trust(certificates.pem("ca.pem")));
  afterAll(() => trust());
  sharedStoreContract(
    "Redis over TLS",
    storesOn(() => redis.url),
  );
});
