// The operation table against the operations of the installed AWS SDK: none is missing, none is invented.

import * as dynamodb from "@aws-sdk/client-dynamodb";
import * as streams from "@aws-sdk/client-dynamodb-streams";
import { describe, expect, it } from "vitest";
import { dynamoDbService, operations, streamsService } from "../../src/proxy/operations.ts";

/** GetItemCommand → GetItem. */
function commandsOf(sdk: object): string[] {
  return Object.keys(sdk)
    .filter((name) => /^[A-Z]\w*Command$/.test(name))
    .map((name) => name.slice(0, -"Command".length))
    .toSorted();
}

function rowsOf(service: string): string[] {
  return [...operations].flatMap(([name, row]) => (row.service === service ? [name] : [])).toSorted();
}

describe("the operation table", () => {
  it("has every operation of DynamoDB and no other", () => {
    expect(commandsOf(dynamodb).length).toBeGreaterThan(60);
    expect(rowsOf(dynamoDbService)).toEqual(commandsOf(dynamodb));
  });

  it("has every operation of DynamoDB Streams and no other", () => {
    expect(rowsOf(streamsService)).toEqual(commandsOf(streams));
    expect(rowsOf(streamsService)).toHaveLength(4);
  });

  it("has no third service", () => {
    expect(new Set([...operations.values()].map((row) => row.service)).size).toBe(2);
  });
});
