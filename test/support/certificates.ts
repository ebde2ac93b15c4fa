// Certificates for a test, made with openssl in a folder of their own: an authority ("ca") with a server and a client,
// and a stranger's authority with an intruder.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

export class Certificates {
  readonly #folder = mkdtempSync(path.join(tmpdir(), "dynatier-tls-"));

  /** ca, stranger, server, client and intruder: each a NAME.pem and a NAME.key. */
  makeAll(): void {
    this.#authority("ca");
    this.#authority("stranger");
    this.#certificate("server", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1");
    this.#certificate("client", "ca");
    this.#certificate("intruder", "stranger");
  }

  file(name: string): string {
    return path.join(this.#folder, name);
  }

  pem(name: string): string {
    return readFileSync(this.file(name), "utf8");
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #authority(name: string): void {
    const subject = `/CN=dynatier test ${name}`;
    this.#openssl(
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
      ...["-subj", subject, "-keyout", `${name}.key`, "-out", `${name}.pem`],
    );
  }

  #certificate(name: string, authority: string, extensions = ""): void {
    this.#openssl(
      ..."req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(" "),
      ...["-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`],
    );
    writeFileSync(this.file(`${name}.ext`), extensions);
    this.#openssl(
      ...`x509 -req -days 2 -CAcreateserial -CA ${authority}.pem -CAkey ${authority}.key`.split(" "),
      ...["-in", `${name}.csr`, "-out", `${name}.pem`, "-extfile", `${name}.ext`],
    );
  }

  #openssl(...parameters: string[]): void {
    execFileSync("openssl", parameters, { cwd: this.#folder, stdio: ["ignore", "ignore", "pipe"] });
  }
}
