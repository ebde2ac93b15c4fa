/** The part of the composition root that knows the callers: keys file, authenticator, and the keys read anew. */

import type { Authenticator, Principal, SignedRequest } from "./auth/authenticator.ts";
import { Sigv4Authenticator } from "./auth/sigv4-authenticator.ts";
import { type AccessKey, readKeysFile } from "./config/keys-file.ts";
import type { Settings } from "./config/settings.ts";
import { createLogger, type Logger } from "./util/log.ts";

/** Undefined with `auth: none`. @throws Error if the keys file is wrong; all its problems are in the message */
export async function openCallerKeys(settings: Settings): Promise<CallerKeys | undefined> {
  if (settings.auth === "none") return undefined;
  const log = createLogger(settings.logLevel);
  const read = await readKeysFile(settings.keys ?? "");
  if (read.problems !== undefined) throw new Error(read.problems.join("; "));
  for (const warning of read.warnings) log.warn({ keys: read.keys.length }, warning);
  return new CallerKeys(settings, log, read.keys);
}

/** An authenticator whose keys can be replaced while it is in use: each request is judged by one set of keys. */
export class CallerKeys implements Authenticator {
  readonly #path: string;
  readonly #region: string;
  readonly #log: Logger;
  #keys: readonly AccessKey[];
  #current: Authenticator;
  #reading: Promise<void> | undefined;
  #again = false;
  /** Told of keys that were read anew: the worker threads get theirs from the main thread, so that all have the same. */
  onChange: ((keys: readonly AccessKey[]) => void) | undefined;

  constructor(settings: Pick<Settings, "keys" | "region">, log: Logger, keys: readonly AccessKey[]) {
    this.#path = settings.keys ?? "";
    this.#region = settings.region;
    this.#log = log;
    this.#keys = keys;
    this.#current = new Sigv4Authenticator({ keys, region: this.#region });
  }

  get keys(): readonly AccessKey[] {
    return this.#keys;
  }

  authenticate(request: SignedRequest): Principal {
    return this.#current.authenticate(request);
  }

  replace(keys: readonly AccessKey[]): void {
    this.#keys = keys;
    this.#current = new Sigv4Authenticator({ keys, region: this.#region });
    this.onChange?.(keys);
  }

  /**
   * Reads the file anew; if it is wrong, says so in the log and keeps the keys there are. Asked again meanwhile, it reads
   * once more afterwards, however often it was asked.
   */
  reload(): Promise<void> {
    this.#again = true;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const read = await readKeysFile(this.#path);
      if (read.problems !== undefined) {
        this.#log.error({ problems: read.problems }, "the keys file is wrong: the keys stay as they were");
        continue;
      }
      for (const warning of read.warnings) this.#log.warn({ keys: read.keys.length }, warning);
      this.replace(read.keys);
      this.#log.info({ keys: read.keys.length }, "the keys file was read anew");
    }
  }
}
