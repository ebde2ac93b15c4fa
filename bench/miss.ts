/**
 * What a miss costs beyond the upstream read: `node bench/miss.ts [--seconds N] [--repeats N] [--connections 1,32]
 * [--latency ms] [--flags "…"]`. The same GetItem of keys that nobody has asked for yet, sent to the upstream itself, to
 * a plain forwarder (servers/forwarder.ts) and to dynatier, in alternating turns. The servers share one core, upstream and
 * load the other one, so that throughput and CPU are the server's own.
 */

import { parseArgs } from "node:util";
import type { MissJob, MissResult } from "./miss-load.ts";
import { familyOf, loadCore, serverCore, startNode, stop, untilSaid } from "./processes.ts";
import { serveParameters } from "./start-up.ts";
import { type Spread, spread } from "./statistics.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    repeats: { type: "string", default: "3" },
    connections: { type: "string", default: "1,32" },
    latency: { type: "string", default: "0" },
    flags: { type: "string", default: "" },
  },
});
const warmSeconds = 2;

interface Server {
  readonly name: string;
  readonly url: string;
  readonly pids: readonly number[];
}

const children: ReturnType<typeof startNode>[] = [];

async function start(name: string, core: number, script: string, parameters: string[], ready: RegExp) {
  const child = startNode(core, script, parameters);
  children.push(child);
  const [, url = ""] = await untilSaid(child, ready);
  return { name, url, pids: familyOf(child.pid ?? 0) };
}

let nextKey = 0;

async function load(server: Server, connections: number): Promise<MissResult> {
  const seconds = Number(values.seconds);
  const { url, pids } = server;
  const job: MissJob = { url, pids, connections, warmSeconds, seconds, firstKey: nextKey };
  const child = startNode(loadCore, "bench/miss-load.ts", []);
  child.stdin?.end(JSON.stringify(job));
  const [, text = ""] = await untilSaid(child, /^result (.*)\n/m, warmSeconds + seconds);
  await stop(child);
  const result: MissResult = JSON.parse(text);
  nextKey = result.nextKey;
  return result;
}

const shown = ({ median, min, max }: Spread, digits: number) =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;

/** Each figure, and where it says something its ratio to the forwarder's in the same turn. */
function report(server: Server, results: readonly MissResult[], base: readonly MissResult[]): string {
  const cpu = (one: MissResult) => (one.serverCpuSeconds * 1e6) / one.replies;
  const rate = (one: MissResult) => one.replies / one.seconds;
  const ratio = (of: (one: MissResult) => number) =>
    spread(results.map((one, at) => of(one) / of(base[at]!)));
  return [
    server.name.padEnd(10),
    `${shown(spread(results.map(rate)), 0)}/s`,
    `p50 ${shown(spread(results.map(({ p50Ms }) => p50Ms)), 3)} ms`,
    `p99 ${shown(spread(results.map(({ p99Ms }) => p99Ms)), 2)} ms`,
    `CPU ${shown(spread(results.map(cpu)), 1)} µs`,
    `rate × forwarder ${shown(ratio(rate), 2)}`,
  ].join("  ");
}

try {
  const url = /^url (\S+)\n/m;
  const upstream = await start("direct", loadCore, "bench/miss-upstream.ts", [values.latency], url);
  const forwarder = await start(
    "forwarder",
    serverCore,
    "bench/servers/forwarder.ts",
    ["128", upstream.url],
    url,
  );
  const flags = ["--cache-bytes-max", "8388608", ...values.flags.split(" ").filter((flag) => flag !== "")];
  const serve = [...serveParameters(upstream.url, 0), ...flags];
  const proxy = await start("dynatier", serverCore, "src/main.ts", serve, /DynamoDB endpoint +(\S+)/);
  const servers = [upstream, forwarder, proxy];
  for (const connections of values.connections.split(",").map(Number)) {
    const results = servers.map((): MissResult[] => []);
    for (let repeat = 0; repeat < Number(values.repeats); repeat += 1)
      for (const [at, server] of servers.entries()) results[at]!.push(await load(server, connections));
    console.log(`${connections} connections`);
    for (const [at, server] of servers.entries())
      console.log(`  ${report(server, results[at]!, results[1]!)}`);
  }
} finally {
  await Promise.all(children.map(stop));
}
