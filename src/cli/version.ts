/** The version, read from package.json: the same two levels up from src/cli and from dist/cli. */
import { readFileSync } from "node:fs";

export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  if (typeof parsed === "object" && parsed !== null && "version" in parsed) return String(parsed.version);
  throw new Error("package.json names no version");
}
