// vitest's global set-up: one DynamoDB Local for the whole run; tests find it with
// inject("dynamoDbLocalUrl").

import type { TestProject } from "vitest/node";
import { startDynamoDbLocal } from "./dynamodb-local.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** http://127.0.0.1:port of the run's shared DynamoDB Local. */
    dynamoDbLocalUrl: string;
  }
}

/** Starts the shared instance and hands vitest the function that ends it. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const local = await startDynamoDbLocal();
  project.provide("dynamoDbLocalUrl", local.url);
  return local.stop;
}
