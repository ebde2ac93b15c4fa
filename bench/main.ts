/** `npm run bench`: all rows in one run, one table; exits 1 if any reply was wrong. */

import { measure } from "./measure.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { contendedRows, markdown, reportOf, writeReport } from "./report.ts";
import { rows } from "./rows.ts";

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

const options = optionsOrExit();
const outcome = await measure(options, (line) => console.error(line));
if (outcome.faults.length > 0) {
  console.error(`WRONG\n  ${outcome.faults.join("\n  ")}`);
  process.exitCode = 1;
} else {
  const report = reportOf(options, outcome);
  console.log(markdown(report));
  // The kept report is that of a whole run on a quiet machine; all others are for looking at.
  const isWhole = !options.quick && options.startUp && options.rows.length === rows.length;
  const isQuotable = isWhole && contendedRows(report).length === 0;
  writeReport(report, isQuotable ? "latest" : "quick");
  console.log(`All replies were right: ${options.rows.length} rows, ${options.repeats} repeats.`);
}
