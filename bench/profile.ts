/**
 * `npm run profile`: where the time of a reply goes, for each kind of reply whose target is not reached. Loads are those of
 * the benchmark's rows and of the scale curves' points. Writes bench/results/profile.json and .md.
 */

import { parseArgs } from "node:util";
import { whyNoClient } from "./clients.ts";
import { type Case, cases, casesNamed, type Part } from "./profile-cases.ts";
import { Loads } from "./profile-loads.ts";
import { measureMachine } from "./profile-machine.ts";
import { measurePart } from "./profile-measure.ts";
import { Recorder } from "./profile-recorder.ts";
import { aboutProfile, type MeasuredCase, type ProfileReport, profileMarkdown } from "./profile-report.ts";
import { writeReport } from "./report.ts";
import { whyNot } from "./servers.ts";

const usage = `npm run profile -- [flags]
  --cases a,b   only these: ${cases.map(({ id }) => id).join(", ")}; the report is then profile-quick, not the kept one
  --seconds N   of each recording, two for each part of a case (default 3)`;

interface Options {
  readonly cases: readonly Case[];
  readonly seconds: number;
}

/** @throws Error with a message for the user */
function readOptions(): Options {
  const { values } = parseArgs({
    options: { cases: { type: "string" }, seconds: { type: "string", default: "3" } },
  });
  const seconds = Number(values.seconds);
  if (!(seconds > 0 && seconds <= 60)) throw new Error("--seconds must be a number above 0, at most 60");
  if (process.platform !== "linux") throw new Error("profiles need Linux: threads' times come from /proc");
  return { cases: casesNamed(values.cases), seconds };
}

function optionsOrExit(): Options {
  try {
    return readOptions();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

/** Why a part cannot be had here; undefined = it can. */
function whyNotPart(part: Part): string | undefined {
  if (part.kind === "point") return undefined;
  const { server, load } = part.row;
  return whyNot(server) ?? (load.kind === "sdk" ? whyNoClient(load.client) : undefined);
}

async function measure({ cases: chosen, seconds }: Options): Promise<ProfileReport> {
  const recorder = new Recorder();
  const loads = new Loads(recorder.flags);
  const [measured, skipped]: [MeasuredCase[], string[]] = [[], []];
  try {
    const about = aboutProfile(seconds);
    const machine = await measureMachine(recorder, seconds);
    for (const { id, target, title, parts } of chosen) {
      const figures: MeasuredCase["parts"][number][] = [];
      for (const part of parts) {
        const reason = whyNotPart(part);
        if (reason !== undefined) {
          skipped.push(`${id}: ${reason}`);
          continue;
        }
        const one = { ...(await measurePart(part, loads, recorder, seconds)), profiled: part.profiled };
        console.error(`${id}, ${one.title}: ${Math.round(one.perSecond)}/s`);
        figures.push(one);
      }
      if (figures.length > 0) measured.push({ id, target, title, parts: figures });
    }
    return { about, machine, cases: measured, skipped };
  } finally {
    await loads.end();
    recorder.end();
  }
}

const options = optionsOrExit();
const report = await measure(options);
const markdown = profileMarkdown(report);
console.log(markdown);
const isWhole = options.cases.length === cases.length && report.skipped.length === 0;
writeReport(report, markdown, isWhole ? "profile" : "profile-quick");
