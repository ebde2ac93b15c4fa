// What tests need from outside the checkout: running programs, parts that may be missing, packing and installing.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rename, rm, symlink } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { TestContext } from "vitest";

export const ROOT = path.resolve(import.meta.dirname, "../..");
/** Downloads are kept here from run to run. */
export const CACHE = path.join(ROOT, ".cache");

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** A part that was found, or one line about why it was not. */
export type Part<T> = { readonly found: T; readonly missing?: never } | { readonly missing: string };

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment; default this process's. */
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end without standard input. Rejects only if it cannot be started or takes too long. */
export async function run(
  command: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const { cwd = ROOT, env = process.env, timeoutMs = 120_000 } = options;
  const settings = {
    cwd,
    env,
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    maxBuffer: OUTPUT_BYTES_MAX,
  } as const;
  const running = promisify(execFile)(command, [...argv], settings);
  running.child.stdin?.end();
  try {
    return { code: 0, ...(await running) };
  } catch (error) {
    const failure = error as { code?: unknown; killed?: boolean; stdout?: string; stderr?: string };
    if (failure.killed) throw new Error(`${command} ${argv.join(" ")} was ended after ${timeoutMs} ms`);
    if (typeof failure.code !== "number") throw error;
    return { code: failure.code, stdout: failure.stdout ?? "", stderr: failure.stderr ?? "" };
  }
}

/** Like run; an exit code other than 0 is an error with its last words. Answers standard output. */
export async function mustRun(
  command: string,
  argv: readonly string[],
  options?: RunOptions,
): Promise<string> {
  const { code, stdout, stderr } = await run(command, argv, options);
  if (code === 0) return stdout;
  const words = `${stdout}\n${stderr}`.trim().slice(-2000);
  throw new Error(`${command} ${argv.join(" ")} ended with ${code}: ${words}`);
}

/** What stands after the last line break of a failure: programs say there what is wrong. */
export function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n").at(-1) ?? text;
}

/** Reasons already told: one line each, not one for every test. */
const told = new Set<string>();

/** The part, or the end of this test: failed where CI=true, skipped with the reason elsewhere. */
export function need<T>(ctx: TestContext, part: Part<T>): T {
  if (part.missing === undefined) return part.found;
  if (process.env.CI === "true") throw new Error(`CI must have it: ${part.missing}`);
  if (!told.has(part.missing)) console.warn(`Skipped: ${part.missing}`);
  told.add(part.missing);
  ctx.skip(part.missing);
  throw new Error("a skipped test does not go on");
}

/** Root on Debian or Ubuntu, who may install packages. */
export function mayInstallPackages(): boolean {
  return process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
}

export async function installPackages(...names: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await mustRun("apt-get", ["update"], { env, timeoutMs: 300_000 });
  const install = ["install", "-y", "--no-install-recommends", ...names];
  await mustRun("apt-get", install, { env, timeoutMs: 600_000 });
}

/** Set by npm and vitest for this run, or by a developer for this program. Registries and authorities stay. */
const OURS = /^(npm_(?!config_)|npm_config_local_prefix$|VITEST|NODE_ENV$|NODE_OPTIONS$|DYNATIER_|AWS_)/;

/** This process's environment as it was before npm and vitest, the Node.js that runs it first on the path. */
export function plainEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !OURS.test(name));
  const folders = (process.env.PATH ?? "").split(":").filter((folder) => !folder.includes("node_modules"));
  const PATH = [path.dirname(process.execPath), ...folders].join(":");
  return { ...Object.fromEntries(kept), PATH, ...more };
}

/** What `npm pack` needs of the checkout, copied to a folder, so that no test touches the checkout's dist/. */
export async function copyCheckout(folder: string): Promise<void> {
  const names = [
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
  ];
  for (const name of [...names, "src", "scripts", "docs"]) {
    const source = path.join(ROOT, name);
    if (existsSync(source)) await cp(source, path.join(folder, name), { recursive: true });
  }
  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
}

/** Takes one file out of an npm package into .cache/, by its exact version. Answers the file's path. */
export async function fileOfPackage(name: string, version: string, file: string): Promise<string> {
  const home = path.join(CACHE, `${name.replace("/", "-")}@${version}`);
  const wanted = path.join(home, "package", file);
  if (existsSync(wanted)) return wanted;
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(path.join(CACHE, "unpack-"));
  try {
    await mustRun("npm", ["pack", `${name}@${version}`, "--silent", "--pack-destination", work], {
      cwd: work,
    });
    const tarball = (await readdir(work)).find((entry) => entry.endsWith(".tgz"));
    if (tarball === undefined) throw new Error(`npm pack ${name}@${version} left no tarball`);
    const unpacked = path.join(work, "unpacked");
    await mkdir(unpacked);
    await mustRun("tar", ["-xzf", path.join(work, tarball), "-C", unpacked]);
    // Renaming is atomic: others see the whole folder or none.
    await rename(unpacked, home).catch((error: unknown) => {
      if (!existsSync(wanted)) throw error;
    });
    return wanted;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
