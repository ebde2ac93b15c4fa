/**
 * `npm run docs`: writes the pages that are printed from tables. With `--check` it only says which are out
 * of date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { printConfigurationPage } from "../src/config/print.ts";
import { printMetrics } from "../src/metrics/print.ts";
import { printCompatibility } from "../src/proxy/print.ts";
import { printReadme } from "./bench-section.ts";
import { printScaling } from "./scaling.ts";

export interface Page {
  /** Below the repository's root. */
  readonly path: string;
  readonly print: () => string;
}

/**
 * Every generated page. A new one needs only its row here; test/unit/config/docs.test.ts compares them all.
 */
export const PAGES: readonly Page[] = [
  { path: "docs/CONFIGURATION.md", print: printConfigurationPage },
  { path: "docs/METRICS.md", print: printMetrics },
  { path: "docs/COMPATIBILITY.md", print: printCompatibility },
  { path: "docs/SCALING.md", print: printScaling },
  // Of this one only the part between two marks.
  { path: "README.md", print: printReadme },
];

/** The page as it stands in the checkout; undefined if it is not there. */
export function currentText(page: Page): string | undefined {
  try {
    return readFileSync(locate(page), "utf8");
  } catch {
    return undefined;
  }
}

function locate(page: Page): string {
  return fileURLToPath(new URL(`../${page.path}`, import.meta.url));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isCheck = process.argv.includes("--check");
  for (const page of PAGES) {
    if (currentText(page) === page.print()) {
      console.log(`${page.path} is up to date`);
    } else if (isCheck) {
      console.error(`${page.path} is out of date: run npm run docs`);
      process.exitCode = 1;
    } else {
      writeFileSync(locate(page), page.print());
      console.log(`${page.path} written`);
    }
  }
}
