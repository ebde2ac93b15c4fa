// The proxy's own identity upstream: where its keys come from and how they stay valid.

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** Wall-clock moment from which DynamoDB refuses them; undefined for keys that do not expire. */
  readonly expiration?: Date | undefined;
}

/** Answers at once while it has valid credentials, so that signing need not wait. */
export interface CredentialSource {
  current(): Credentials | Promise<Credentials>;
}

export type CredentialProvider = () => Promise<Credentials>;

export interface RefreshingOptions {
  /** Makes the provider on first use: heavy modules load only when they are needed. */
  readonly load: () => Promise<CredentialProvider>;
  /** Wall-clock milliseconds; default Date.now. */
  readonly now?: () => number;
  /** So long before they expire new ones are fetched in the background. */
  readonly refreshBeforeMs?: number;
  /** Least time between two attempts; meanwhile a failure is answered from memory. */
  readonly retryMs?: number;
}

/** The same keys for ever. */
export function staticCredentials(credentials: Credentials): CredentialSource {
  return { current: () => credentials };
}

/**
 * For an upstream that is a URL: the environment's keys if both are set, else "local"/"local". Never asks the
 * instance's or container's metadata service: an emulator needs no identity.
 */
export function emulatorCredentials(environment: NodeJS.ProcessEnv = process.env): CredentialSource {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    return staticCredentials({ accessKeyId: AWS_ACCESS_KEY_ID || "local", secretAccessKey: "local" });
  }
  return staticCredentials({
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN || undefined,
  });
}

/** Names under which AWS itself answers, VPC endpoints included. */
const awsHost = /\.(amazonaws\.com(\.cn)?|api\.aws)$/;

/** The proxy's own identity for this upstream: AWS's default chain for AWS, also behind a VPC endpoint's URL. */
export function ownCredentials(upstream: string, region: string): CredentialSource {
  const isAws = upstream === "aws" || awsHost.test(new URL(upstream).hostname);
  return isAws ? awsCredentials(region) : emulatorCredentials();
}

/** For AWS: the SDK's default chain (environment, profile, SSO, web identity, container, instance). */
export function awsCredentials(region: string): CredentialSource {
  return new RefreshingCredentials({
    async load() {
      const { fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
      return fromNodeProviderChain({ clientConfig: { region } });
    },
  });
}

/** Keeps the provider's credentials, fetches new ones before they expire, and asks it only once at a time. */
export class RefreshingCredentials implements CredentialSource {
  readonly #load: RefreshingOptions["load"];
  readonly #now: () => number;
  readonly #refreshBeforeMs: number;
  readonly #retryMs: number;
  #provider: Promise<CredentialProvider> | undefined;
  #held: Credentials | undefined;
  #flight: Promise<Credentials> | undefined;
  #failure: Error | undefined;
  #nextAttemptAtMs = 0;

  constructor(options: RefreshingOptions) {
    this.#load = options.load;
    this.#now = options.now ?? Date.now;
    this.#refreshBeforeMs = options.refreshBeforeMs ?? 300_000;
    this.#retryMs = options.retryMs ?? 5_000;
  }

  current(): Credentials | Promise<Credentials> {
    const now = this.#now();
    const held = this.#held;
    const leftMs = held === undefined ? 0 : (held.expiration?.getTime() ?? Number.POSITIVE_INFINITY) - now;
    if (held !== undefined && leftMs > 0) {
      if (leftMs < this.#refreshBeforeMs && now >= this.#nextAttemptAtMs) {
        this.#refresh().catch(() => {}); // Remembered in #failure; the ones we hold are still valid.
      }
      return held;
    }
    if (this.#flight !== undefined) return this.#flight;
    if (this.#failure !== undefined && now < this.#nextAttemptAtMs) return Promise.reject(this.#failure);
    return this.#refresh();
  }

  #refresh(): Promise<Credentials> {
    this.#flight ??= this.#fetch().finally(() => {
      this.#flight = undefined;
      this.#nextAttemptAtMs = this.#now() + this.#retryMs;
    });
    return this.#flight;
  }

  async #fetch(): Promise<Credentials> {
    try {
      this.#provider ??= this.#load();
      const provide = await this.#provider;
      const fetched = await provide();
      this.#held = fetched;
      this.#failure = undefined;
      return fetched;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#failure = new Error(
        `No AWS credentials for the upstream (${detail}). Give this process a role, AWS_ACCESS_KEY_ID and ` +
          "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
        { cause: error },
      );
      throw this.#failure;
    }
  }
}
