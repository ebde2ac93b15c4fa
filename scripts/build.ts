/** `npm run build`: compiles src/ into dist/ for the package and the image. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const sources = join(root, "src");
const output = join(root, "dist");

const began = performance.now();
rmSync(output, { recursive: true, force: true });

const compiler = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin",
  "tsc",
);
const { status, error } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});
if (error) throw error;
if (status !== 0) {
  rmSync(output, { recursive: true, force: true });
  console.error("The build has failed; dist/ was removed.");
  process.exit(1);
}

// What is not TypeScript (pages, scripts for Redis) is used as it stands.
cpSync(sources, output, {
  recursive: true,
  filter: (path) => statSync(path).isDirectory() || !path.endsWith(".ts"),
});
chmodSync(join(output, "main.js"), 0o755);
console.log(`dist/ built in ${((performance.now() - began) / 1000).toFixed(1)} s`);
