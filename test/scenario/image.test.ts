/** The Dockerfile's own steps carried out in a clean folder, and its start and health commands run there. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { plainEnvironment, run } from "../support/install.ts";
import { buildImage, type Image } from "../support/install-image.ts";
import { expectServing, type InstalledServer, startInstalled } from "../support/install-server.ts";

let folder: string;
let image: Image;
let server: InstalledServer | undefined;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "dynatier-image-"));
  image = await buildImage(folder);
}, 400_000);

afterEach(() => {
  server?.kill();
  server = undefined;
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const app = () => path.join(image.root, image.workdir);

/** The container's process: the image's own environment and a few settings, as `docker run -e` gives them. */
function start(argv: readonly string[], more: NodeJS.ProcessEnv): Promise<InstalledServer> {
  const [command = "", ...rest] = [...image.entrypoint, ...argv];
  const keys = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_REGION: "us-east-1" };
  const env = plainEnvironment({
    ...image.env,
    ...keys,
    DYNATIER_PORT: "0",
    DYNATIER_SETTLE_MS: "0",
    ...more,
  });
  return startInstalled({ command, argv: rest, cwd: app(), env });
}

/** The exit code of the HEALTHCHECK command for an admin port. */
async function healthOf(adminPort: string): Promise<number> {
  const [command = "", ...argv] = image.healthcheck;
  const env = plainEnvironment({ ...image.env, DYNATIER_ADMIN_PORT: adminPort });
  return (await run(command, argv, { cwd: app(), env })).code;
}

describe("the image", () => {
  test("is a slim Node.js image with production dependencies and no second Node.js", async () => {
    expect(image.from).toMatch(/^node:\d+-slim$/);
    const inside = await readdir(app());
    expect(inside.sort()).toEqual(["LICENSE", "dist", "node_modules", "package.json"]);
    const installed = await readdir(path.join(app(), "node_modules"));
    expect(installed).toContain("fastify");
    for (const name of ["node", "typescript", "vitest", "@biomejs"]) expect(installed).not.toContain(name);
    expect(existsSync(path.join(app(), "dist", "main.js"))).toBe(true);
  });

  test("does not run as root and names its ports", () => {
    expect(image.user).toBe("1000:1000");
    expect(image.ports).toEqual(["8100", "8180"]);
  });

  test("its default command is a sidecar: it serves on loopback, is healthy, and stops on SIGTERM", async () => {
    const upstream = { DYNATIER_UPSTREAM: inject("dynamoDbLocalUrl"), DYNATIER_ADMIN_PORT: "0" };
    server = await start(image.command, upstream);
    expect(new URL(server.url).hostname).toBe("127.0.0.1");
    await expectServing(server.url);
    const adminPort = new URL(server.adminUrl).port;
    expect(await healthOf(adminPort)).toBe(0);
    expect(await server.stop()).toBe(0);
    expect(await healthOf(adminPort)).not.toBe(0);
  });

  test("listens to others where it is told so, the admin port with a token only; still healthy", async () => {
    const argv = ["serve", "--upstream=embedded", "--host=0.0.0.0", "--insecure"];
    const admin = { DYNATIER_ADMIN_HOST: "0.0.0.0", DYNATIER_ADMIN_PORT: "0" };
    await expect(start(argv, admin)).rejects.toThrow(/ended with 2:[\s\S]*adminToken/);
    await expect(start(argv.slice(0, 3), {})).rejects.toThrow(/ended with 2:[\s\S]*insecure: true/);
    server = await start(argv, { ...admin, DYNATIER_ADMIN_TOKEN: "0123456789abcdef" });
    const port = new URL(server.url).port;
    await expectServing(`http://127.0.0.1:${port}`);
    expect(await healthOf(new URL(server.adminUrl).port)).toBe(0);
    expect(await server.stop()).toBe(0);
  });
});
