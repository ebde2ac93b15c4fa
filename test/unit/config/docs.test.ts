/** The printed pages stand in the checkout as the tables would print them now. */
import { expect, test } from "vitest";
import { currentText, PAGES } from "../../../scripts/docs.ts";
import { printSettingsHelp } from "../../../src/config/print.ts";
import { flagName, SETTING_NAMES, settingRow } from "../../../src/config/settings.ts";

test.each(PAGES.map((page) => [page.path, page] as const))(
  "%s is up to date (else: npm run docs)",
  (_, page) => {
    expect(currentText(page)).toBe(page.print());
  },
);

test("--help names every setting that is built, and no other", () => {
  const lines = printSettingsHelp().split("\n");
  for (const name of SETTING_NAMES) {
    const shown = lines.some((line) => line.startsWith(`  ${flagName(name)} `));
    expect(shown, name).toBe(settingRow(name).built);
  }
});

test("--help stays within its width, value lists aside", () => {
  const tooLong = printSettingsHelp(100)
    .split("\n")
    .filter((line) => line.length > 100 && !line.startsWith("  --"));
  expect(tooLong).toEqual([]);
});
