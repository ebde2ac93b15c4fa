/** TLS files are tried before anything starts: unreadable, not PEM, or a key of another certificate. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadSettings } from "../../../src/config/load.ts";

let folder: string;

/** Makes NAME.key and a self-signed NAME.crt. */
function makeCertificate(name: string): void {
  const options = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const files = ["-keyout", join(folder, `${name}.key`), "-out", join(folder, `${name}.crt`)];
  execFileSync("openssl", [...options, ...files, "-days", "1", "-subj", "/CN=localhost"], { stdio: "pipe" });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dynatier-tls-"));
  makeCertificate("one");
  makeCertificate("two");
  writeFileSync(join(folder, "not.pem"), "hello");
  writeFileSync(join(folder, "empty.pem"), "");
  writeFileSync(join(folder, "torn.pem"), "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function problemsWith(names: Readonly<Record<string, string>>): Promise<string> {
  const flags = Object.entries(names).map(([flag, file]) => `--${flag}=${join(folder, file)}`);
  const { problems = [] } = await loadSettings(flags, { DYNATIER_UPSTREAM: "embedded" });
  return problems.join("\n");
}

test("a certificate with its key, and a client authority, are accepted", async () => {
  expect(await problemsWith({ "tls-cert": "one.crt", "tls-key": "one.key" })).toBe("");
  const all = { "tls-cert": "one.crt", "tls-key": "one.key", "tls-client-ca": "two.crt" };
  expect(await problemsWith(all)).toBe("");
});

test("a file that is not there", async () => {
  const problems = await problemsWith({ "tls-cert": "none.crt", "tls-key": "none.key" });
  expect(problems).toMatch(/`tlsCert` .*none\.crt cannot be read \(no such file\)\n`tlsKey` /);
});

test("the key of another certificate", async () => {
  expect(await problemsWith({ "tls-cert": "one.crt", "tls-key": "two.key" })).toMatch(
    /cannot be used.*mismatch/i,
  );
});

test.each([
  { "tls-cert": "not.pem", "tls-key": "one.key" },
  { "tls-cert": "one.crt", "tls-key": "not.pem" },
  { "tls-cert": "one.crt", "tls-key": "one.key", "tls-client-ca": "not.pem" },
  { "tls-cert": "one.crt", "tls-key": "one.key", "tls-client-ca": "empty.pem" },
  { "tls-cert": "one.crt", "tls-key": "one.key", "tls-client-ca": "torn.pem" },
  { "tls-cert": "empty.pem", "tls-key": "one.key" },
])("a file that is no PEM: %j", async (names) => {
  expect(await problemsWith(names)).toMatch(/cannot be used/);
});
