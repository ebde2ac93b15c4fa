/** Plain Redis: the profiles' replies as values, and the GETs for them. */

import { Redis } from "ioredis";
import { itemsPerPartition } from "./data.ts";
import { repeating } from "./exchanges.ts";
import type { Source } from "./replay.ts";
import { sequences, type Workload, workloads } from "./workloads.ts";

function keyOf(workload: Workload, place: number): string {
  return `bench:${JSON.stringify(workload.input(place))}`;
}

function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}

/** Sets all values. */
export async function fillRedis(url: string, partitions: number): Promise<void> {
  const { GetItem } = workloads(partitions);
  const places = Array.from({ length: partitions * itemsPerPartition }, (_, place) => place);
  const client = new Redis(url);
  const pairs = places.flatMap((place) => [keyOf(GetItem, place), JSON.stringify(GetItem.reply(place))]);
  await client.mset(...pairs);
  client.disconnect();
}

/** GETs of the items that the other rows ask for, in the same order. */
export function redisSource(partitions: number, connections: number): Source {
  const { GetItem } = workloads(partitions);
  const exchanges = sequences(GetItem, connections).map((requests) =>
    requests.map((place) => {
      const value = Buffer.from(JSON.stringify(GetItem.reply(place)));
      return {
        bytes: Buffer.from(command("GET", keyOf(GetItem, place))),
        bodyBytes: value.byteLength,
        look: (_head: string, body: Buffer) => (body.equals(value) ? undefined : "another value"),
      };
    }),
  );
  return repeating(exchanges);
}
