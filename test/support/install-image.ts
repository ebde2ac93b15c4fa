// A Dockerfile carried out without Docker: each stage is a folder, COPY copies, RUN runs in a shell with this Node.js.
// It knows the instructions that ours uses and refuses any other, so that nothing of it goes unchecked by accident.

import { cp, mkdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { mustRun, plainEnvironment, ROOT } from "./install.ts";

export interface Instruction {
  readonly name: string;
  readonly text: string;
}

export interface Image {
  /** Where the final stage's root directory is. */
  readonly root: string;
  readonly from: string;
  readonly workdir: string;
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly string[];
  /** The final stage's ENTRYPOINT and CMD, paths inside the image made paths of this machine. */
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
}

interface Stage {
  readonly name: string;
  readonly from: string;
  readonly root: string;
  workdir: string;
  user: string;
  env: Record<string, string>;
  ports: string[];
  entrypoint: string[];
  command: string[];
  healthcheck: string[];
}

/** Comments dropped, continued lines joined. */
export function instructionsOf(dockerfile: string): Instruction[] {
  const lines = dockerfile
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"));
  const joined = lines.join("\n").replaceAll(/\\\n\s*/g, "");
  return joined.split("\n").map((line) => {
    const [, name, text] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === undefined || text === undefined) throw new Error(`not an instruction: ${line}`);
    return { name, text };
  });
}

/** Builds all stages below the folder. */
export async function buildImage(folder: string): Promise<Image> {
  const stages: Stage[] = [];
  const args = new Map<string, string>();
  for (const { name, text } of instructionsOf(await readFile(path.join(ROOT, "Dockerfile"), "utf8"))) {
    const current = stages.at(-1);
    if (name === "ARG") {
      const [key = "", value = ""] = text.split("=");
      args.set(key, value);
    } else if (name === "FROM") {
      const [, from = "", as = String(stages.length)] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(text) ?? [];
      const image = from.replace(/\$\{(\w+)\}/, (_, key: string) => args.get(key) ?? "");
      stages.push(newStage(as, image, path.join(folder, `stage-${stages.length}`)));
      await mkdir(stages.at(-1)?.root ?? "", { recursive: true });
    } else if (current === undefined) {
      throw new Error(`${name} before FROM`);
    } else {
      const carryOut = table[name];
      if (carryOut === undefined) throw new Error(`this test does not know ${name}`);
      await carryOut(text, current, stages);
    }
  }
  const last = stages.at(-1);
  if (last === undefined) throw new Error("a Dockerfile without FROM");
  const inside = (words: readonly string[]) => words.map((word) => outside(last, word));
  return { ...last, entrypoint: inside(last.entrypoint), command: inside(last.command) };
}

function newStage(name: string, from: string, root: string): Stage {
  const lists = { ports: [], entrypoint: [], command: [], healthcheck: [] };
  return { name, from, root, workdir: "/", user: "root", env: {}, ...lists };
}

/** A path of the image as a path of this machine; anything else as it is. */
function outside(stage: Stage, word: string): string {
  return word.startsWith("/") ? path.join(stage.root, word) : word;
}

type CarryOut = (text: string, stage: Stage, stages: readonly Stage[]) => void | Promise<void>;

const table: Readonly<Record<string, CarryOut>> = {
  async WORKDIR(text, stage) {
    stage.workdir = path.posix.resolve(stage.workdir, text);
    await mkdir(outside(stage, stage.workdir), { recursive: true });
  },
  ENV(text, stage) {
    const [key = "", value = ""] = text.split("=");
    stage.env[key] = value;
  },
  COPY: copy,
  async RUN(text, stage) {
    const env = plainEnvironment(stage.env);
    await mustRun("sh", ["-c", text], { cwd: outside(stage, stage.workdir), env, timeoutMs: 240_000 });
  },
  USER(text, stage) {
    stage.user = text;
  },
  EXPOSE(text, stage) {
    stage.ports.push(...text.split(/\s+/));
  },
  HEALTHCHECK(text, stage) {
    stage.healthcheck = words(text.slice(text.indexOf("CMD ") + 4));
  },
  ENTRYPOINT(text, stage) {
    stage.entrypoint = words(text);
  },
  CMD(text, stage) {
    stage.command = words(text);
  },
};

async function copy(text: string, stage: Stage, stages: readonly Stage[]): Promise<void> {
  const parts = text.split(/\s+/);
  const named = parts[0]?.startsWith("--from=") ? parts.shift()?.slice("--from=".length) : undefined;
  const origin = named === undefined ? undefined : stages.find((other) => other.name === named);
  if (named !== undefined && origin === undefined) throw new Error(`no stage ${named}`);
  const target = parts.pop() ?? "";
  const into = outside(stage, path.posix.resolve(stage.workdir, target));
  const isFolder = target.endsWith("/") || parts.length > 1;
  for (const source of parts) {
    const from = origin === undefined ? await ofContext(source) : path.join(origin.root, source);
    // As Docker does: of a folder its contents are copied, a file keeps its name if the target is a folder.
    const asIs = !isFolder || (await stat(from)).isDirectory();
    await cp(from, asIs ? into : path.join(into, path.basename(source)), { recursive: true });
  }
}

/** A file or folder of the checkout, unless .dockerignore keeps it out: ours excludes all and lets names back in. */
async function ofContext(source: string): Promise<string> {
  const ignore = (await readFile(path.join(ROOT, ".dockerignore"), "utf8")).split("\n");
  if (!ignore.includes("*") || !ignore.includes(`!${source}`)) {
    throw new Error(`.dockerignore keeps ${source} out of the build`);
  }
  return path.join(ROOT, source);
}

/** The JSON form of a command, in which no shell is involved. */
function words(text: string): string[] {
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed)) throw new Error(`not the JSON form: ${text}`);
  return parsed.map(String);
}
