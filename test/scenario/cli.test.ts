/** The command line before anything is started: help, version, and what is refused with exit code 2. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

function dynatier(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  nodeFlags: string[] = [],
) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeFlags, "src/main.ts", ...argv], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: "/nonexistent", ...env },
    encoding: "utf8",
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

test("--version is package.json's", () => {
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
  expect(dynatier(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
});

test("--help lists the commands that are there and the settings", () => {
  const { status, stdout, stderr } = dynatier(["--help"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  for (const name of ["serve", "demo", "check", "explain", "invalidate"])
    expect(stdout).toMatch(`\n  ${name} `);
  for (const name of ["bench", "top", "audit"]) expect(stdout).not.toMatch(`\n  ${name} `);
  expect(stdout).toContain("--item-ttl-ms <milliseconds, 0 to 30 d> [300000 (5 min)]");
});

test("a command's own help, which needs no valid settings", () => {
  const { status, stdout } = dynatier(["explain", "--help"], { DYNATIER_PORT: "x" });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^Usage: dynatier explain '<json>' --target <operation>/);
});

test("all problems at once on standard error, exit code 2, and nothing starts", () => {
  const env = { DYNATIER_ITEM_TTL: "5", DYNATIER_DAX_PORT: "8111", DYNATIER_ADMIN_TOKEN: "hunter2" };
  const { status, stdout, stderr } = dynatier(
    ["--prot", "1", "--host", "0.0.0.0", "--upstream=embedded"],
    env,
  );
  expect(status).toBe(2);
  expect(stdout).toBe("");
  expect(stderr.split("\n")).toEqual([
    "dynatier cannot start (5 problems):",
    "  DYNATIER_ITEM_TTL is not a known environment variable; did you mean DYNATIER_ITEM_TTL_MS?",
    "  --prot is not a known flag; did you mean --port?",
    expect.stringMatching(/^ {2}`host` 0\.0\.0\.0|^ {2}`adminToken`/),
    expect.any(String),
    expect.any(String),
    "",
  ]);
  expect(stderr).toContain("`daxPort` is not built yet in this version; leave it unset");
  expect(stderr).not.toContain("hunter2");
});

test.each([
  [["bench"], "dynatier bench is not built yet in this version"],
  [["top"], "dynatier top is not built yet in this version"],
  [["audit", "--table", "x"], "dynatier audit is not built yet in this version"],
  [["sreve"], "dynatier has no command “sreve”; did you mean serve?"],
  [["constructor"], "dynatier has no command “constructor”; see dynatier --help"],
  [["demo", "--upstream=aws"], "--upstream aws cannot be given: the demo always runs on its own emulator"],
  [["--upstream=embedded", "demo"], "unexpected argument “demo”; the command comes first"],
  [["serve", "--once", "--upstream=embedded"], "--once is not a known flag"],
  [["explain", "--upstream=embedded"], "explain needs a request and its operation"],
  [["explain", "{", "--target", "GetItem", "--upstream=embedded"], "the request is not JSON"],
  [["explain", "[]", "--target", "GetItem", "--upstream=embedded"], "the request must be a JSON object"],
  [["invalidate", "--upstream=embedded"], "invalidate needs --table <name> or --everything"],
  [["invalidate", "--everything", "--table=x", "--upstream=embedded"], "--everything stands alone"],
  [["invalidate", "--table=x", "--key={}", "--partition={}", "--upstream=embedded"], "exclude each other"],
])("%j: exit code 2 and the remedy", (argv, message) => {
  const { status, stdout, stderr } = dynatier(argv);
  expect(stderr).toContain(message);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
});

test("AWS without a region is a problem, found before anything is reached", () => {
  const { status, stderr } = dynatier([]);
  expect(status).toBe(2);
  expect(stderr).toContain("`region` is not known");
});

test("a Node.js that is too old gets one line with the remedy", () => {
  const pretend =
    "data:text/javascript,const{versions}=process;" +
    'Object.defineProperty(process,"versions",{value:{...versions,node:"22.18.0"}})';
  const { status, stdout, stderr } = dynatier(["--version"], {}, ["--import", pretend]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(/^dynatier needs Node\.js 22\.19 or newer and this is 22\.18\.0: install .*\n$/);
});

test("--help and --version are instant: they load neither the proxy nor its libraries", () => {
  const tracing =
    'data:text/javascript,import{registerHooks}from"node:module";registerHooks({load(url,context,next){' +
    "if(/node_modules|proxy|app\\.ts/.test(url))console.error(url);return next(url,context)}})";
  for (const flag of ["--help", "--version"])
    expect(dynatier([flag], {}, ["--import", tracing]).stderr).toBe("");
});
