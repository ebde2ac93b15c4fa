/**
 * `npm run bench:scale`: how throughput, CPU time for a reply and the slowest replies depend on entries, item size,
 * connections, hit ratio, workers and changes made by others. Writes bench/results/scale.json, .md and .svg.
 */

import { parseArgs } from "node:util";
import { measureChanges } from "./scale-changes.ts";
import { measurePoints, type ScaleOptions } from "./scale-measure.ts";
import { factors, points } from "./scale-points.ts";
import { scaleMarkdown, scaleReport, writeScale } from "./scale-report.ts";

const usage = `npm run bench:scale -- [flags]
  --factors a,b   only these: ${Object.keys(factors).join(", ")}; the report is then not the kept one
  --seconds N     measured time of each point and repeat, once for throughput and once for latency (default 2)
  --repeats N     how often all points are measured, in turn (default 2)
  --quick         one short repeat: checks the replies, not the times (about a minute)`;
const changeRepeats = 3;

interface Options extends ScaleOptions {
  readonly factors: readonly string[] | undefined;
}

/** @throws Error with a message for the user */
function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      factors: { type: "string" },
      seconds: { type: "string" },
      repeats: { type: "string" },
      quick: { type: "boolean", default: false },
    },
  });
  const { quick } = values;
  const chosen = values.factors?.split(",");
  const unknown = chosen?.filter((name) => !Object.hasOwn(factors, name)) ?? [];
  if (unknown.length > 0) throw new Error(`--factors: ${unknown.join(", ")} is none`);
  return {
    quick,
    factors: chosen,
    seconds: positive("seconds", values.seconds ?? (quick ? "0.5" : "2")),
    repeats: Math.ceil(positive("repeats", values.repeats ?? (quick ? "1" : "2"))),
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 600)) throw new Error(`--${name} must be a number above 0, at most 600`);
  return value;
}

function optionsOrExit(): Options {
  try {
    return readOptions();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

const options = optionsOrExit();
const isWanted = (factor: string): boolean => options.factors?.includes(factor) ?? true;
const outcome = await measurePoints(
  points.filter(({ factor }) => isWanted(factor)),
  options,
  console.error,
);
const costs = isWanted("changes") ? await measureChanges(changeRepeats) : undefined;
const report = scaleReport(options, outcome, costs);
const markdown = scaleMarkdown(report);
console.log(markdown);
if (outcome.faults.length > 0) {
  console.error(`WRONG\n  ${outcome.faults.join("\n  ")}`);
  process.exitCode = 1;
} else writeScale(report, markdown, options.quick || options.factors !== undefined ? "scale-part" : "scale");
