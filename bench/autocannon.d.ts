// What we use of autocannon, which brings no types.

declare module "autocannon" {
  interface PreparedRequest {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }

  /** One of its connections. */
  interface Client {
    setRequests(requests: PreparedRequest[]): void;
    on(event: "response", listener: (status: number, bytes: number, durationMs: number) => void): void;
  }

  interface Options {
    readonly url: string;
    readonly method: "POST";
    readonly connections: number;
    /** In seconds, looked at every sampleInt milliseconds. */
    readonly duration: number;
    readonly sampleInt: number;
    /** Seconds until a request counts as lost. */
    readonly timeout: number;
    readonly setupClient: (client: Client) => void;
    readonly verifyBody: (body: string) => boolean;
  }

  interface Result {
    readonly non2xx: number;
    readonly errors: number;
    readonly timeouts: number;
    readonly mismatches: number;
  }

  const autocannon: (options: Options) => Promise<Result>;
  export = autocannon;
}
