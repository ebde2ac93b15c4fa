/** What `npm test` runs, and what runs beside what: made for two cores. */
import { defineConfig } from "vitest/config";

/** Folders of test/ that do not go with the many small ones. */
const HEAVY = ["simulation", "differential"];
const ALONE = ["conformance", "scenario", "interop"];

const inFolders = (names: readonly string[]) => names.map((name) => `test/${name}/**/*.test.ts`);

export default defineConfig({
  test: {
    globalSetup: ["test/support/global-setup.ts"],
    setupFiles: ["test/support/seed.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // .ci/run takes the numbers of its last line from the JSON report.
    reporters: ["default", ["json", { outputFile: ".cache/test-report.json" }]],
    // One group after the other. Files of the last one run one by one: they start processes or watch the clock.
    projects: [
      {
        extends: true,
        test: {
          name: "quick",
          include: ["test/**/*.test.ts"],
          exclude: inFolders([...HEAVY, ...ALONE]),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "heavy", include: inFolders(HEAVY), sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: { name: "alone", include: inFolders(ALONE), maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
