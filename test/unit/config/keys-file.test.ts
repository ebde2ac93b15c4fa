/** The keys file: what is taken, what is complained of (all at once, without a secret), and the settings around it. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseKeys, readKeysFile } from "../../../src/config/keys-file.ts";
import { loadSettings } from "../../../src/config/load.ts";

const folder = mkdtempSync(join(tmpdir(), "dynatier-keys-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const problemsIn = async (text: string) => (await parseKeys("k.yaml", text)).problems ?? [];
const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

test("keys with and without a name; text stays text", async () => {
  const text = `
- { accessKeyId: AKIDORDERS, secretAccessKey: ${secret}, name: order service }
- accessKeyId: 12345678
  secretAccessKey: 1234567890123456   # no number
- accessKeyId: AKIDYES
  secretAccessKey: "'quoted: #16chars"
`
    .replace(" #16", "#16")
    .replace("quoted: ", "quoted:");
  expect(await parseKeys("k.yaml", text)).toEqual({
    keys: [
      { accessKeyId: "AKIDORDERS", secretAccessKey: secret, name: "order service" },
      { accessKeyId: "12345678", secretAccessKey: "1234567890123456", name: "12345678" },
      { accessKeyId: "AKIDYES", secretAccessKey: "'quoted:#16chars", name: "AKIDYES" },
    ],
  });
});

test("everything that is wrong is said at once, and no secret with it", async () => {
  const problems = await problemsIn(`
- { accessKeyId: AKIDONE, secretAccessKey: short-secret }
- { accessKeyId: "a/b c", secretAccesKey: ${secret} }
- { accessKeyId: AKIDONE, secretAccessKey: ${secret}, name: "", hunter2hunter2hunter2: x }
- ${secret}
- { accessKeyId: [AKID], secretAccessKey: { a: ${secret} } }
`);
  expect(problems).toEqual(
    [
      "[0].secretAccessKey must be 16 to 128 visible ASCII characters without spaces",
      "[1] has a member that is none of accessKeyId, secretAccessKey, name; did you mean secretAccessKey?",
      "[1].accessKeyId must be 4 to 128 letters, digits, _ or -",
      "[1].secretAccessKey must be 16 to 128 visible ASCII characters without spaces",
      "[2] has a member that is none of accessKeyId, secretAccessKey, name",
      "[2].name must be text of at most 128 characters",
      "[2].accessKeyId stands in [0] already",
      "[3] must be a mapping of accessKeyId, secretAccessKey, name",
      "[4].accessKeyId must be 4 to 128 letters, digits, _ or -",
      "[4].secretAccessKey must be 16 to 128 visible ASCII characters without spaces",
    ].map((problem) => `\`keys\` k.yaml ${problem}`),
  );
});

test.each([
  ["", /must be a list of at least one/],
  ["[]", /must be a list/],
  [`accessKeyId: AKIDONE\nsecretAccessKey: ${secret}`, /must be a list/],
  [`- { accessKeyId: AKIDONE, secretAccessKey: ${secret}`, /not valid YAML \(line 1: /],
  [`- accessKeyId: *${secret}`, /not valid YAML|aliases/],
  [`- &${secret} { accessKeyId: A }\n- *${secret}`, /aliases/],
  [`- accessKeyId: A\n  accessKeyId: ${secret}`, /line 2: DUPLICATE_KEY/],
  [`- secretAccessKey: "${secret}\\x"`, /line 1: BAD_DQ_ESCAPE/],
  [`- a: ${secret}\n ${secret}: x\n}`, /not valid YAML/],
  ["- a\n".repeat(10_001), /more than 10000 keys/],
  [`# ${"x".repeat(2 * 1024 * 1024)}`, /too large/],
])("another form of file: %#", async (text, message) => {
  const problems = await problemsIn(text);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(message);
  expect(problems[0]).not.toContain(secret);
});

test("a file wrong in every line does not flood the screen", async () => {
  const problems = await problemsIn("- a\n".repeat(100));
  expect(problems).toHaveLength(21);
  expect(problems.at(-1)).toMatch(/and 80 more/);
});

test("a file that others can read is warned of, and works", async () => {
  const path = join(folder, "keys.yaml");
  writeFileSync(path, `- { accessKeyId: AKIDONE, secretAccessKey: ${secret} }`);
  chmodSync(path, 0o600);
  expect(await readKeysFile(path)).toMatchObject({ keys: [{ name: "AKIDONE" }], warnings: [] });
  for (const mode of [0o640, 0o604]) {
    chmodSync(path, mode);
    const { warnings } = await readKeysFile(path);
    expect(warnings).toEqual([`${path} can be read by users other than its owner: chmod 600`]);
  }
  expect((await readKeysFile(join(folder, "none"))).problems?.join()).toMatch(
    /cannot be read \(no such file\)/,
  );
});

describe("settings", () => {
  const files = (path: string) => {
    if (path === "/keys") return `- { accessKeyId: AKIDONE, secretAccessKey: ${secret} }`;
    if (path === "/wrong") return `- { accessKeyId: AKIDONE, secretAccessKey: ${secret}, key: x }`;
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  };
  const problemsOf = async (...argv: string[]) =>
    ((await loadSettings(argv, { DYNATIER_UPSTREAM: "embedded" }, files)).problems ?? []).join("\n");

  test("sigv4 needs keys, and keys need sigv4", async () => {
    expect(await problemsOf("--auth=sigv4", "--keys=/keys")).toBe("");
    expect(await problemsOf("--auth=sigv4")).toMatch(/`auth: sigv4` needs `keys`/);
    expect(await problemsOf("--keys=/keys")).toMatch(/`keys` has no effect without `auth: sigv4`/);
    expect(await problemsOf("--auth=basic")).toMatch(/must be none or sigv4/);
  });

  test("with it, an address other than loopback is open to callers", async () => {
    expect(await problemsOf("--auth=sigv4", "--keys=/keys", "--host=0.0.0.0")).toBe("");
    expect(await problemsOf("--host=0.0.0.0")).toMatch(/set `auth: sigv4`, or `insecure: true`/);
  });

  test("a wrong file is found before anything starts", async () => {
    expect(await problemsOf("--auth=sigv4", "--keys=/none")).toMatch(
      /`keys` \/none cannot be read \(no such file\)/,
    );
    expect(await problemsOf("--auth=sigv4", "--keys=/wrong", "--port=x")).toMatch(
      /`port`[\s\S]*\[0\] has a member/,
    );
  });
});
