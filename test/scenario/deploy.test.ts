/** The examples in deploy/: well-formed YAML, commands and settings that dynatier takes, the image's own ports. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadSettings } from "../../src/config/load.ts";
import type { Settings } from "../../src/config/settings.ts";
import { ROOT, run } from "../support/install.ts";

const textOf = (file: string) => readFileSync(path.join(ROOT, "deploy", file), "utf8");

/** What the loader makes of a container's arguments and environment; its complaints if it refuses them. */
async function settingsOf(argv: readonly string[], env: Readonly<Record<string, string>>) {
  const loaded = await loadSettings(argv, env, () => {
    throw Object.assign(new Error("none"), { code: "ENOENT" });
  });
  return loaded.problems ?? loaded.settings;
}

interface Compose {
  readonly services: Readonly<
    Record<string, { command: string[]; environment?: Record<string, string>; ports?: string[] }>
  >;
}

interface Container {
  readonly name: string;
  readonly env?: readonly { name: string; value: string }[];
  readonly restartPolicy?: string;
  readonly startupProbe?: { exec: { command: string[] } };
  readonly livenessProbe?: { exec: { command: string[] } };
}

interface Deployment {
  readonly spec: {
    template: {
      spec: { initContainers: Container[]; containers: Container[]; terminationGracePeriodSeconds: number };
    };
  };
}

describe("deploy/docker-compose.yaml", () => {
  test("dynatier listens where the published port goes, in front of DynamoDB Local", async () => {
    const { services } = parse(textOf("docker-compose.yaml")) as Compose;
    const { command = [], environment = {}, ports } = services.dynatier ?? {};
    const [serve, ...argv] = command;
    expect(serve).toBe("serve");
    const settings = (await settingsOf(argv, environment)) as Settings;
    expect(settings).toMatchObject({ host: "0.0.0.0", port: 8100, upstream: "http://dynamodb-local:8000" });
    expect(ports).toEqual([`127.0.0.1:8100:${settings.port}`]);
    expect(services["dynamodb-local"]?.command).toContain("-sharedDb");
  });
});

describe("deploy/kubernetes-sidecar.yaml", () => {
  const pod = (parse(textOf("kubernetes-sidecar.yaml")) as Deployment).spec.template.spec;
  const sidecar = pod.initContainers.find(({ name }) => name === "dynatier");

  test("the sidecar's settings are sound and the service is pointed at them", async () => {
    const env = Object.fromEntries((sidecar?.env ?? []).map(({ name, value }) => [name, value]));
    const settings = (await settingsOf([], env)) as Settings;
    expect(settings).toMatchObject({
      host: "127.0.0.1",
      port: 8100,
      region: "eu-central-1",
      upstream: "aws",
    });
    expect(sidecar?.restartPolicy).toBe("Always");
    expect(pod.containers[0]?.env).toContainEqual({
      name: "AWS_ENDPOINT_URL_DYNAMODB",
      value: `http://${settings.host}:${settings.port}`,
    });
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(settings.drainMs);
  });

  test.each(["startupProbe", "livenessProbe"] as const)("the %s is a command that runs", async (probe) => {
    const [node, flag = "", script = ""] = sidecar?.[probe]?.exec.command ?? [];
    expect([node, flag]).toEqual(["node", "-e"]);
    // Nobody listens on this port: the probe must say so by its exit code.
    const dead = script.replace(":8180/", ":9/");
    expect(await run(process.execPath, [flag, dead])).toMatchObject({ code: 1, stderr: "" });
  });
});
