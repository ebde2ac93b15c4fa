// The fast lane and Node's HTTP parser hear the same requests, whatever is sent and however it is cut. FUZZ_SECONDS is
// how long it looks for a difference (default 10), FUZZ_SEED where it starts.

import { expect, test } from "vitest";
import { Judge, overwrittenInput } from "../support/lane-judge.ts";
import { Dice, oddHeaders, pieces, stream } from "../support/lane-streams.ts";
import { bytesOf, requestOf, sdks } from "../support/sdk-requests.ts";

const seconds = Number(process.env.FUZZ_SECONDS ?? 10);
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_007);
const batch = 64;

test("generated and harmed streams", { timeout: seconds * 1000 + 60_000 }, async () => {
  const judge = new Judge(overwrittenInput());
  const dice = new Dice(seed);
  const endAtMs = performance.now() + seconds * 1000;
  while (performance.now() < endAtMs) {
    const streams = Array.from({ length: batch }, () => pieces(stream(dice), dice));
    expect((await judge.judge(streams))[0], `FUZZ_SEED=${seed}`).toBeUndefined();
  }
  console.info(`fast lane, seed ${seed}:`, JSON.stringify(judge.totals));
  // Streams of all kinds: the lane answered many, Node many, and many were refused.
  const { streams, requests, byLane, closed } = judge.totals;
  expect(byLane).toBeGreaterThan(streams / 4);
  expect(requests - byLane).toBeGreaterThan(streams / 10);
  expect(closed).toBeGreaterThan(streams / 10);
});

test("every SDK's request, and two in a row, cut at every boundary, are the lane's", async () => {
  const judge = new Judge(overwrittenInput());
  for (const sdk of Object.keys(sdks)) {
    const one = bytesOf(requestOf(sdk, '{"TableName":"t","Key":{"pk":{"S":"ü"}}}'));
    for (const bytes of [one, Buffer.concat([one, one])]) {
      const cuts = Array.from({ length: bytes.length + 1 }, (_, at) => [
        bytes.subarray(0, at),
        bytes.subarray(at),
      ]);
      expect((await judge.judge(cuts))[0]).toBeUndefined();
    }
  }
  expect(judge.totals.byLane).toBe(judge.totals.requests);
  expect(judge.totals.requests).toBeGreaterThan((5 * judge.totals.streams) / 4);
});

test("every odd header line at every place of every SDK's request, with a request behind it", async () => {
  const judge = new Judge(overwrittenInput());
  for (const sdk of Object.keys(sdks)) {
    const plain = requestOf(sdk, '{"TableName":"t"}');
    const streams = oddHeaders.flatMap((line) =>
      Array.from({ length: plain.headers.length + 1 }, (_, at) => {
        const headers = plain.headers.toSpliced(at, 0, line);
        return [Buffer.concat([bytesOf({ ...plain, headers }), bytesOf(plain)])];
      }),
    );
    expect((await judge.judge(streams))[0]).toBeUndefined();
  }
});
