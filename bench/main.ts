/** `npm run bench`: all rows in one run, one table; exits 1 if any reply was wrong. */

import { freshnessMarkdown, measureFreshness } from "./freshness.ts";
import { measure } from "./measure.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { plot } from "./plot.ts";
import { measureRedis, redisMarkdown } from "./redis.ts";
import { contendedRows, markdown, reportOf, writeReport } from "./report.ts";
import { rows } from "./rows.ts";
import { whyNoRedis } from "./servers.ts";

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

const say = (line: string): void => console.error(line);

async function measureRows(options: Options): Promise<void> {
  const outcome = await measure(options, say);
  if (outcome.faults.length > 0) {
    console.error(`WRONG\n  ${outcome.faults.join("\n  ")}`);
    process.exitCode = 1;
    return;
  }
  const report = reportOf(options, outcome);
  const text = markdown(report);
  console.log(text);
  // The kept report is that of a whole run on a quiet machine; all others are for looking at.
  const isWhole = !options.quick && options.startUp && options.rows.length === rows.length;
  const isQuotable = isWhole && contendedRows(report).length === 0;
  writeReport(report, text, isQuotable ? "latest" : "quick", plot(report));
  const { measured, skipped } = outcome;
  console.log(
    `All replies were right: ${measured.length} rows, ${options.repeats} repeats; ${skipped.length} rows skipped.`,
  );
}

/** How long a write around the proxy takes to be seen; more samples than a row of throughput needs. */
async function measureFresh(options: Options): Promise<void> {
  const report = await measureFreshness(options.seconds * (options.quick ? 5 : 8), say);
  const text = freshnessMarkdown(report);
  console.log(text);
  writeReport(report, text, options.quick ? "freshness-quick" : "freshness");
}

/** What goes through Redis, where there is a redis-server. */
async function measureWithRedis(options: Options): Promise<void> {
  const reason = whyNoRedis();
  if (reason !== undefined) return say(`${options.redis.join(", ")}: skipped, ${reason}`);
  const report = await measureRedis(options, say);
  const text = redisMarkdown(report);
  console.log(text);
  if (report.faults.length > 0) process.exitCode = 1;
  else writeReport(report, text, options.quick ? "redis-quick" : "redis");
}

const options = optionsOrExit();
if (options.rows.length > 0 || options.startUp) await measureRows(options);
if (options.freshness) await measureFresh(options);
if (options.redis.length > 0) await measureWithRedis(options);
