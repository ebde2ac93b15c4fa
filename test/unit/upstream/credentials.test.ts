// Where the proxy's keys come from, and that they are fetched before they are needed.

import { describe, expect, it, test } from "vitest";
import {
  awsCredentials,
  type Credentials,
  emulatorCredentials,
  ownCredentials,
  RefreshingCredentials,
} from "../../../src/upstream/credentials.ts";

const hourMs = 3_600_000;

/** A provider under the test's control: each call's promise is answered by hand. */
function byHand() {
  const calls: PromiseWithResolvers<Credentials>[] = [];
  let nowMs = 1_000_000;
  let loads = 0;
  const source = new RefreshingCredentials({
    async load() {
      loads += 1;
      return () => {
        const call = Promise.withResolvers<Credentials>();
        calls.push(call);
        return call.promise;
      };
    },
    now: () => nowMs,
    refreshBeforeMs: 300_000,
    retryMs: 5_000,
  });
  const keys = (id: string, validMs: number | undefined): Credentials => ({
    accessKeyId: id,
    secretAccessKey: "s",
    expiration: validMs === undefined ? undefined : new Date(nowMs + validMs),
  });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { calls, source, keys, pass, loads: () => loads };
}

test("loads on first use, once for all who wait, and then answers at once", async () => {
  const { calls, source, keys, loads } = byHand();
  expect(loads()).toBe(0);
  const both = Promise.all([source.current(), source.current()]);
  await expect.poll(() => calls.length).toBe(1);
  calls[0]?.resolve(keys("one", undefined));
  expect((await both).map((held) => held.accessKeyId)).toEqual(["one", "one"]);
  expect(source.current()).toMatchObject({ accessKeyId: "one" });
  expect([loads(), calls.length]).toEqual([1, 1]);
});

test("fetches new ones before the old expire, without making anybody wait", async () => {
  const { calls, source, keys, pass } = byHand();
  const first = source.current();
  await expect.poll(() => calls.length).toBe(1);
  calls[0]?.resolve(keys("one", hourMs));
  await first;
  pass(hourMs - 299_000);
  expect(source.current()).toMatchObject({ accessKeyId: "one" });
  expect(source.current()).toMatchObject({ accessKeyId: "one" });
  await expect.poll(() => calls.length).toBe(2);
  calls[1]?.resolve(keys("two", hourMs));
  await expect.poll(() => source.current()).toMatchObject({ accessKeyId: "two" });
  expect(calls.length).toBe(2);
});

test("keeps valid ones while refreshing fails, and tries again after a while", async () => {
  const { calls, source, keys, pass } = byHand();
  const first = source.current();
  await expect.poll(() => calls.length).toBe(1);
  calls[0]?.resolve(keys("one", hourMs));
  await first;
  pass(hourMs - 200_000);
  source.current();
  await expect.poll(() => calls.length).toBe(2);
  calls[1]?.reject(new Error("metadata service is away"));
  await new Promise((resolve) => setImmediate(resolve));
  expect(source.current()).toMatchObject({ accessKeyId: "one" });
  expect(calls.length).toBe(2);
  pass(5_000);
  source.current();
  await expect.poll(() => calls.length).toBe(3);
  calls[2]?.resolve(keys("two", hourMs));
  await expect.poll(() => source.current()).toMatchObject({ accessKeyId: "two" });
});

test("expired ones are not used; the failure says what to do and is remembered a while", async () => {
  const { calls, source, keys, pass } = byHand();
  const first = source.current();
  await expect.poll(() => calls.length).toBe(1);
  calls[0]?.resolve(keys("one", 10_000));
  await first;
  pass(10_001);
  const second = source.current();
  await expect.poll(() => calls.length).toBe(2);
  calls[1]?.reject(new Error("no role here"));
  await expect(second).rejects.toThrow(/No AWS credentials.*no role here.*AWS_ACCESS_KEY_ID/);
  await expect(source.current()).rejects.toThrow(/no role here/);
  expect(calls.length).toBe(2);
});

test("an emulator gets the environment's keys, or local ones", () => {
  const local = { accessKeyId: "local", secretAccessKey: "local" };
  expect(emulatorCredentials({}).current()).toEqual(local);
  const AWS_ACCESS_KEY_ID = "id";
  expect(emulatorCredentials({ AWS_ACCESS_KEY_ID }).current()).toMatchObject({ accessKeyId: "id" });
  const full = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: "key", AWS_SESSION_TOKEN: "token" };
  expect(emulatorCredentials(full).current()).toEqual({
    accessKeyId: "id",
    secretAccessKey: "key",
    sessionToken: "token",
  });
});

test("the SDK's default chain finds the environment's keys", async () => {
  const before = { ...process.env };
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "FROMENV", AWS_SECRET_ACCESS_KEY: "secret" });
  try {
    expect(await awsCredentials("eu-west-1").current()).toMatchObject({ accessKeyId: "FROMENV" });
  } finally {
    process.env = before;
  }
});

describe("ownCredentials", () => {
  it("asks AWS's chain for AWS and its VPC endpoints, and nobody for an emulator", () => {
    const urls = [
      "aws",
      "https://vpce-1.dynamodb.eu-west-1.vpce.amazonaws.com",
      "https://dynamodb.eu-west-1.api.aws",
    ];
    for (const url of urls) expect(ownCredentials(url, "eu-west-1")).toBeInstanceOf(RefreshingCredentials);
    for (const url of ["http://127.0.0.1:8000", "http://amazonaws.com.example:8000"]) {
      expect(ownCredentials(url, "eu-west-1")).not.toBeInstanceOf(RefreshingCredentials);
    }
  });
});
