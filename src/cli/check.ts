/** `dynatier check`: are the settings sound, does the upstream answer, and how will each table be cached? */
import type { TableReport } from "../admin/table-report.ts";
import { flagName } from "../config/settings.ts";
import type { StoreFacts } from "../redis/shared-store.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { tableLines } from "./text-table.ts";

export async function run(context: CommandContext): Promise<ExitCode> {
  const { settings, sources, options, print } = context;
  const { createApp } = await import("../app.ts");
  const app = await createApp(settings);
  try {
    const began = performance.now();
    const { problems, tables, redis } = await app.check();
    const tookMs = performance.now() - began;
    if (options.get("json") === "true") {
      print(JSON.stringify({ problems, tables, redis }, null, 2));
      return problems.length > 0 ? 1 : 0;
    }
    const given = [...sources].filter(([, source]) => source !== "default");
    const from = given.map(([name, source]) => `${name} (${source === "flag" ? flagName(name) : source})`);
    print(`Settings  sound; ${from.length > 0 ? `given: ${from.join(", ")}` : "all at their defaults"}`);
    print(`Upstream  ${settings.upstream}, ${settings.region}; asked in ${Math.round(tookMs)} ms`);
    if (redis !== undefined) print(`Redis     ${redisWords(redis)}`);
    print("");
    if (tables.length === 0) print("No tables were found.");
    else
      for (const line of tableLines(["Table", "Cached", "Writes around dynatier", "Why"], tables.map(toRow)))
        print(line);
    for (const { table, hint } of tables) if (hint !== undefined) print(`${table}: ${hint}`);
    if (problems.length === 0) return 0;
    print("");
    print(problems.length === 1 ? "1 problem:" : `${problems.length} problems:`);
    for (const problem of problems) print(`  ${problem}`);
    return 1;
  } finally {
    await app.stop();
  }
}

function toRow({ table, cached, stream, why }: TableReport): string[] {
  return [table, cached, stream, why];
}

function redisWords(facts: StoreFacts): string {
  if (!facts.isUp) return `cannot be used: ${facts.lastError ?? "no answer"}`;
  const { server, mode, replicas, evictionPolicy, memoryBytes = 0, memoryBytesMax = 0 } = facts;
  const mib = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MiB`;
  const room = memoryBytesMax === 0 ? "no bound" : `of ${mib(memoryBytesMax)}`;
  const least = replicas === undefined ? "" : `; ${replicas} replica${replicas === 1 ? "" : "s"}`;
  return `${server}, ${mode}, up${least}; ${mib(memoryBytes)} used, ${room}; ${evictionPolicy}`;
}
