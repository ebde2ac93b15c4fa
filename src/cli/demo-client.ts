/** The demo's own client: plain HTTP, so that what it shows is what any SDK would get. */
import { Agent } from "node:http";
import { type Input, isObject } from "../dynamodb/model.ts";
import { type HttpReply, httpCall, reachable } from "./http-call.ts";

export interface DemoAnswer {
  readonly body: Input;
  /** The reply's x-dynatier-cache: "hit; tier=memory". */
  readonly cache: string;
  readonly tookMs: number;
}

export interface DemoEndpoints {
  readonly url: string;
  readonly adminUrl: string;
  readonly adminToken: string | undefined;
  readonly region: string;
  readonly timeoutMs: number;
}

export class DemoClient {
  readonly #endpoints: DemoEndpoints;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(endpoints: DemoEndpoints) {
    this.#endpoints = endpoints;
  }

  /** Calls DynamoDB through the proxy; throws unless it answers 200. */
  async call(operation: string, input: Input): Promise<DemoAnswer> {
    const { url, region, timeoutMs } = this.#endpoints;
    const now = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
    const scope = `demo/${now.slice(0, 8)}/${region}/dynamodb/aws4_request`;
    const signature = `SignedHeaders=host;x-amz-date, Signature=${"0".repeat(64)}`;
    const reply = await httpCall(reachable(url), {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `DynamoDB_20120810.${operation}`,
        "x-amz-date": now,
        // Shaped like an SDK's. The proxy signs what it sends upstream with its own credentials.
        authorization: `AWS4-HMAC-SHA256 Credential=${scope}, ${signature}`,
      },
      body: JSON.stringify(input),
      timeoutMs,
      agent: this.#agent,
    });
    if (reply.status !== 200) throw new Error(`${operation} answered ${reply.status}: ${reply.text.trim()}`);
    const body: unknown = JSON.parse(reply.text);
    if (!isObject(body)) throw new Error(`${operation} answered something else than a JSON object`);
    return { body, cache: String(reply.headers["x-dynatier-cache"] ?? ""), tookMs: reply.tookMs };
  }

  /** Drops everything that is cached, through the admin API. */
  async emptyCache(): Promise<void> {
    await this.#admin("POST", "/api/invalidate", { everything: true });
  }

  /** The sum of all samples of one metric. */
  async metric(name: string): Promise<number> {
    const { text } = await this.#admin("GET", "/metrics");
    const samples = text
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #admin(method: "GET" | "POST", path: string, input?: Input): Promise<HttpReply> {
    const { adminUrl, adminToken, timeoutMs } = this.#endpoints;
    const reply = await httpCall(new URL(path, reachable(adminUrl)), {
      method,
      headers: {
        ...(input && { "content-type": "application/json" }),
        ...(adminToken !== undefined && { authorization: `Bearer ${adminToken}` }),
      },
      ...(input && { body: JSON.stringify(input) }),
      timeoutMs,
    });
    if (reply.status >= 300)
      throw new Error(`${method} ${path} answered ${reply.status}: ${reply.text.trim()}`);
    return reply;
  }
}
