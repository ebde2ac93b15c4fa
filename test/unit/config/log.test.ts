/** Logs: one JSON line each, nothing below the level, no secrets, errors with their stack. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLogger, type Logger, type LogLevel } from "../../../src/util/log.ts";

function linesOf(level: LogLevel, write: (log: Logger) => void): Record<string, unknown>[] {
  const folder = mkdtempSync(join(tmpdir(), "dynatier-log-"));
  const path = join(folder, "log");
  const file = openSync(path, "w");
  try {
    write(createLogger(level, file));
    const text = readFileSync(path, "utf8").split("\n").slice(0, -1);
    return text.map((line) => JSON.parse(line));
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}

test("one JSON line for each message at or above the level, written at once", () => {
  const lines = linesOf("info", (log) => {
    log.debug({ operation: "GetItem" }, "request");
    log.info({ port: 8100 }, "listening");
    log.warn({}, "slow");
    log.error({ error: new RangeError("too much") }, "failed");
  });
  expect(lines).toEqual([
    { level: "info", time: expect.stringMatching(/^\d{4}-.*Z$/), port: 8100, message: "listening" },
    expect.objectContaining({ level: "warn", message: "slow" }),
    expect.objectContaining({
      level: "error",
      message: "failed",
      error: { type: "RangeError", message: "too much", stack: expect.stringContaining("log.test.ts") },
    }),
  ]);
});

test("isEnabled tells what would be written", () => {
  linesOf("info", (log) => expect([log.isEnabled("debug"), log.isEnabled("info")]).toEqual([false, true]));
  expect(linesOf("silent", (log) => log.error({}, "failed"))).toEqual([]);
});

test("secrets are left out, at the top and one level down", () => {
  const lines = linesOf("info", (log) =>
    log.info({ adminToken: "hunter2", headers: { authorization: "hunter2", host: "h" } }, "request"),
  );
  expect(JSON.stringify(lines)).not.toContain("hunter2");
  expect(lines[0]).toMatchObject({
    adminToken: "[secret]",
    headers: { authorization: "[secret]", host: "h" },
  });
});
