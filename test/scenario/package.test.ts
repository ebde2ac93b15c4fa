/** The npm package: what is in the tarball, and that it installs into an empty folder and runs. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  copyCheckout,
  fileOfPackage,
  lastLine,
  mustRun,
  need,
  type Part,
  plainEnvironment,
  ROOT,
  run,
} from "../support/install.ts";
import { expectServing, type InstalledServer, startInstalled } from "../support/install-server.ts";

interface Manifest {
  readonly version: string;
  readonly engines: { readonly node: string };
}

const SERVE = ["serve", "--upstream=embedded", "--port=0", "--admin-port=0", "--settle-ms=0"];
const REMEDY = /^dynatier needs Node\.js 22\.19 or newer and this is [\d.]+: install .*npm start`\.\n$/;
let folder: string;
let home: string;
let files: string[];
let manifest: Manifest;
let server: InstalledServer | undefined;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "dynatier-package-"));
  const checkout = path.join(folder, "checkout");
  home = path.join(folder, "home");
  await Promise.all([mkdir(checkout), mkdir(home)]);
  await copyCheckout(checkout);
  manifest = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8"));
  const env = plainEnvironment();
  // `npm pack` builds dist/ first (the prepack script).
  await mustRun("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: checkout, env });
  const tarball = path.join(folder, `dynatier-${manifest.version}.tgz`);
  files = (await mustRun("tar", ["-tzf", tarball])).trim().split("\n");
  await writeFile(path.join(home, "package.json"), '{ "private": true }\n');
  const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball];
  await mustRun("npm", install, { cwd: home, env, timeoutMs: 240_000 });
}, 300_000);

afterEach(() => {
  server?.kill();
  server = undefined;
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const binary = () => path.join(home, "node_modules", ".bin", "dynatier");
const dist = () => path.join(home, "node_modules", "dynatier", "dist");
const dynatier = (...argv: string[]) => run(binary(), argv, { cwd: home, env: plainEnvironment() });

describe("the tarball", () => {
  test("holds the built files, the pages and the licence, and nothing else", () => {
    const loose = files.filter((file) => !/^package\/(dist|docs)\//.test(file)).sort();
    const pages = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];
    expect(loose).toEqual(pages.map((name) => `package/${name}`));
    const odd = files.filter((file) => file.startsWith("package/dist/") && !/\.(js|d\.ts)$/.test(file));
    expect(odd.filter((file) => !/\.(html|css|svg|lua)$/.test(file))).toEqual([]);
    for (const name of ["main.js", "index.js", "index.d.ts"]) expect(files).toContain(`package/dist/${name}`);
  });

  test("an installation brings no development dependency", async () => {
    const installed = await readdir(path.join(home, "node_modules"));
    const strangers = ["vitest", "typescript", "node", "autocannon", "fast-check", "@biomejs"];
    expect(installed).toContain("dynatier");
    expect(installed.filter((name) => strangers.includes(name))).toEqual([]);
  });
});

describe("the installed binary", () => {
  test("--version and --help", async () => {
    expect(await dynatier("--version")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(manifest.version),
    });
    expect(await dynatier("--help")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("--upstream"),
    });
  });

  test("serves: a miss, a hit, SIGTERM, exit code 0", async () => {
    server = await startInstalled({ command: binary(), argv: SERVE, cwd: home, env: plainEnvironment() });
    console.log(`from start to the first answered request: ${Math.round(server.firstAnswerMs)} ms`);
    await expectServing(server.url);
    expect((await fetch(`${server.adminUrl}/readyz`)).status).toBe(200);
    expect(await server.stop()).toBe(0);
  });

  test("can be imported as a library, types included", async () => {
    const probe =
      'import { createApp } from "dynatier"; if (typeof createApp !== "function") process.exit(3);';
    await writeFile(path.join(home, "probe.mjs"), probe);
    expect(await run(process.execPath, ["probe.mjs"], { cwd: home })).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("other versions of Node.js", () => {
  test("the oldest one that package.json allows runs it", async (ctx) => {
    const oldest = `${/^>=(\d+\.\d+)$/.exec(manifest.engines.node)?.[1]}.0`;
    const platform = `node-${process.platform}-${process.arch}`;
    const node = need(ctx, await nodeOf(platform, oldest));
    expect((await mustRun(node, ["--version"])).trim()).toBe(`v${oldest}`);
    for (const workers of [1, 2]) {
      const argv = [path.join(dist(), "main.js"), ...SERVE, `--workers=${workers}`];
      server = await startInstalled({ command: node, argv, cwd: home, env: plainEnvironment() });
      await expectServing(server.url);
      expect(await server.stop()).toBe(0);
    }
  }, 240_000);

  test("an older one is told the remedy in one line, exit code 2", async () => {
    const main = path.join(dist(), "main.js");
    const older = await olderNode();
    // Where no older Node.js is installed, this one says that it is older.
    const fake = "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'22.18.9'})";
    const ways = older === undefined ? [] : [{ node: older, before: [] as string[] }];
    for (const { node, before } of [...ways, { node: process.execPath, before: ["--import", fake] }]) {
      const told = await run(node, [...before, main, "--version"], { cwd: home });
      expect(told).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(REMEDY) });
    }
  });

  test("in a checkout without a current one, npm scripts say so before TypeScript is read", async () => {
    const fake = "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.0.0'})";
    const check = path.join(ROOT, "scripts", "check-node.mjs");
    const older = await olderNode();
    const ways = older === undefined ? [] : [[older, check]];
    for (const [node, ...argv] of [...ways, [process.execPath, "--import", fake, check]]) {
      const told = await run(node ?? "", argv);
      expect(told).toMatchObject({ code: 1, stderr: expect.stringMatching(/^dynatier needs .*npm ci.*\n$/) });
    }
    expect(await run(process.execPath, [check])).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

async function nodeOf(platform: string, version: string): Promise<Part<string>> {
  try {
    return { found: await fileOfPackage(platform, version, "bin/node") };
  } catch (error) {
    return { missing: `Node.js ${version} cannot be had here: ${lastLine(error)}` };
  }
}

/** A Node.js of the system that is too old for the package, if there is one. */
async function olderNode(): Promise<string | undefined> {
  const folders = (process.env.PATH ?? "").split(":").filter((one) => !one.includes("node_modules"));
  for (const node of folders.map((one) => path.join(one, "node")).filter((file) => existsSync(file))) {
    const version = /^v(\d+)\.(\d+)/.exec((await run(node, ["--version"])).stdout);
    const [major, minor] = [Number(version?.[1]), Number(version?.[2])];
    if (major < 22 || (major === 22 && minor < 19)) return node;
  }
  return undefined;
}
