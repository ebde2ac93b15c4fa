/** The part of the composition root that knows the callers: keys file, authenticator, and the keys read anew. */

import type { Authenticator, Principal, SignedRequest } from "./auth/authenticator.ts";
import { Sigv4Authenticator } from "./auth/sigv4-authenticator.ts";
import { readKeysFile } from "./config/keys-file.ts";
import type { Settings } from "./config/settings.ts";
import type { Logger } from "./util/log.ts";

/** Undefined with `auth: none`. @throws Error if the keys file is wrong; all its problems are in the message */
export async function openCallerKeys(settings: Settings, log: Logger): Promise<CallerKeys | undefined> {
  const { auth, keys: path = "", region } = settings;
  if (auth === "none") return undefined;
  const read = await readKeysFile(path);
  if (read.problems !== undefined) throw new Error(read.problems.join("; "));
  for (const warning of read.warnings) log.warn({ keys: read.keys.length }, warning);
  return new CallerKeys(path, region, log, new Sigv4Authenticator({ keys: read.keys, region }));
}

/** An authenticator whose keys can be replaced while it is in use: each request is judged by one set of keys. */
export class CallerKeys implements Authenticator {
  readonly #path: string;
  readonly #region: string;
  readonly #log: Logger;
  #current: Authenticator;
  #reading: Promise<void> | undefined;
  #again = false;

  constructor(path: string, region: string, log: Logger, first: Authenticator) {
    this.#path = path;
    this.#region = region;
    this.#log = log;
    this.#current = first;
  }

  authenticate(request: SignedRequest): Principal {
    return this.#current.authenticate(request);
  }

  /** Reads the file anew. Asked again meanwhile, it reads once more afterwards, however often it was asked. */
  reload(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    do {
      this.#again = false;
      const read = await readKeysFile(this.#path);
      if (read.problems !== undefined) {
        this.#log.error({ problems: read.problems }, "the keys file is wrong: the keys stay as they were");
        continue;
      }
      for (const warning of read.warnings) this.#log.warn({}, warning);
      this.#current = new Sigv4Authenticator({ keys: read.keys, region: this.#region });
      this.#log.info({ keys: read.keys.length }, "the keys file was read anew");
    } while (this.#again);
  }
}
