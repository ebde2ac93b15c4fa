// The AWS SDK for JavaScript as a user sets it up, and what the proxy said about each of its replies.

import { DynamoDBClient, type DynamoDBClientConfig } from "@aws-sdk/client-dynamodb";

/** What a user has already; only the endpoint is new. */
export const CONFIG = {
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
} as const;

export interface WatchedClient {
  readonly client: DynamoDBClient;
  /** The x-dynatier-cache header of each reply since the last look, up to its first ";". */
  takeOutcomes(): string[];
}

/** A client for this endpoint that notes every reply's x-dynatier-cache; nothing in its requests is changed. */
export function watchedClient(endpoint: string, more: DynamoDBClientConfig = {}): WatchedClient {
  const client = new DynamoDBClient({ ...CONFIG, endpoint, ...more });
  const outcomes: string[] = [];
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      outcomes.push(outcomeOf(result.response));
      return result;
    },
    { step: "deserialize", priority: "low", name: "noteOutcome" },
  );
  return { client, takeOutcomes: () => outcomes.splice(0) };
}

function outcomeOf(response: unknown): string {
  if (typeof response !== "object" || response === null || !("headers" in response)) return "no reply";
  const headers = response.headers as Readonly<Record<string, string>>;
  return headers["x-dynatier-cache"]?.split(";")[0] ?? "no header";
}

/** Everything a paginator yields. */
export async function pagesOf<Page>(paginator: AsyncIterable<Page>): Promise<Page[]> {
  const pages: Page[] = [];
  for await (const page of paginator) pages.push(page);
  return pages;
}
