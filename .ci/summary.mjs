/**
 * Last line of .ci/run: `node summary.mjs REPORT [FAILED_STEP…]`. The numbers of vitest's JSON report, and one more
 * failure for each failed step that the report says nothing of. Plain JavaScript: it must also run if npm ci failed.
 */
import { existsSync, readFileSync } from "node:fs";

const [reportPath = "", ...failedSteps] = process.argv.slice(2);
const report = existsSync(reportPath) ? JSON.parse(readFileSync(reportPath, "utf8")) : undefined;

const testFiles = report?.testResults ?? [];
const tests = testFiles.flatMap((file) => file.assertionResults);
const count = (...states) => tests.filter((test) => states.includes(test.status)).length;

const passed = count("passed");
const failedTests = count("failed");
// A file that could not be loaded, or whose set-up failed, has no failed test of its own.
const failedFiles = testFiles.filter(
  (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
);
const inReport = failedTests + failedFiles.length;
const steps = failedSteps.filter((step) => step !== "test" || inReport === 0);
if (report === undefined && !failedSteps.includes("install") && !failedSteps.includes("test")) steps.push("test report");

for (const file of failedFiles) console.log(`failed: ${file.name}`);
for (const test of tests) {
  if (test.status === "failed") console.log(`failed: ${test.fullName}`);
}
for (const step of steps) console.log(`failed: ${step}`);

const failed = inReport + steps.length;
console.log(`${passed} passed, ${failed} failed, ${tests.length - passed - failedTests} skipped`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
