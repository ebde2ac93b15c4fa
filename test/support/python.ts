// Python with boto3 and the AWS CLI: pinned versions from PyPI in .cache/, else what the system or Debian has.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { CACHE, installPackages, lastLine, mayInstallPackages, mustRun, type Part, run } from "./install.ts";

/** `pip freeze` of boto3 and awscli as they were when these tests were written. */
const PINNED = [
  "awscli==1.46.3",
  "boto3==1.44.5",
  "botocore==1.44.5",
  "colorama==0.4.6",
  "docutils==0.19",
  "jmespath==1.1.0",
  "pyasn1==0.6.5",
  "python-dateutil==2.9.0.post0",
  "PyYAML==6.0.3",
  "rsa==4.7.2",
  "s3transfer==0.19.3",
  "six==1.17.0",
  "urllib3==2.8.0",
];

const VENV = path.join(
  CACHE,
  `python-${createHash("sha256").update(PINNED.join()).digest("hex").slice(0, 12)}`,
);
/** Written last: an environment without it was interrupted. */
const FINISHED = path.join(VENV, "finished");

export interface PythonTools {
  readonly python: string;
  readonly aws: string;
  /** "boto3 1.2.3 from PyPI" and the like. */
  readonly from: string;
}

/** Python that can `import boto3`, and an `aws` command. Tried in this order: PyPI, the system, Debian when root. */
export async function obtainPythonTools(): Promise<Part<PythonTools>> {
  try {
    return { found: await fromPyPi() };
  } catch (error) {
    const system = (await onPath()) ?? (await fromDebian());
    if (system !== undefined) return { found: system };
    return { missing: `boto3 and the AWS CLI cannot be had here: ${lastLine(error)}` };
  }
}

async function fromPyPi(): Promise<PythonTools> {
  const bin = path.join(VENV, "bin");
  const tools = { python: path.join(bin, "python"), aws: path.join(bin, "aws"), from: "PyPI" };
  if (existsSync(FINISHED)) return tools;
  await mkdir(CACHE, { recursive: true });
  // Environments hold their own path, so this one is made in place; two at once would be two runs of the suite.
  await rm(VENV, { recursive: true, force: true });
  await mustRun("python3", ["-m", "venv", VENV]);
  const patience = ["--retries", "2", "--timeout", "20", "--disable-pip-version-check", "--quiet"];
  const install = ["-m", "pip", "install", ...patience, "--no-deps", ...PINNED];
  await mustRun(tools.python, install, { timeoutMs: 240_000 });
  const mark = `${FINISHED}.new`;
  await writeFile(mark, `${PINNED.join("\n")}\n`);
  await rename(mark, FINISHED);
  return tools;
}

async function onPath(): Promise<PythonTools | undefined> {
  // Debian's package belongs to Debian's own interpreter, which need not be the first one on the path.
  for (const python of ["python3", "/usr/bin/python3"]) {
    const works = await Promise.all([
      run(python, ["-c", "import boto3"]).catch(() => ({ code: 1 })),
      run("aws", ["--version"]).catch(() => ({ code: 1 })),
    ]);
    if (works.every(({ code }) => code === 0)) return { python, aws: "aws", from: "the system" };
  }
  return undefined;
}

async function fromDebian(): Promise<PythonTools | undefined> {
  if (!mayInstallPackages()) return undefined;
  await installPackages("python3-boto3", "awscli").catch(() => undefined);
  return onPath();
}
