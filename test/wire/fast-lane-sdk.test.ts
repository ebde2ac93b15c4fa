// What a real SDK sends is the fast lane's: else it would be correct and of no use.

import {
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from "@aws-sdk/client-dynamodb";
import { expect, it } from "vitest";
import { startLane } from "../support/laned-server.ts";

it("every request of the SDK for JavaScript is the lane's", async () => {
  const { lane, url } = await startLane();
  lane.atOnce = Buffer.from("{}");
  const client = new DynamoDBClient({
    endpoint: url,
    region: "us-east-1",
    credentials: { accessKeyId: "key", secretAccessKey: "secret", sessionToken: "token ".repeat(100).trim() },
  });
  const Key = { pk: { S: "ü" } };
  for (let round = 0; round < 3; round += 1) {
    await client.send(new GetItemCommand({ TableName: "t", Key }));
    await client.send(new PutItemCommand({ TableName: "t", Item: { ...Key, v: { S: "x".repeat(10_000) } } }));
    await client.send(new DescribeTableCommand({ TableName: "t" }));
  }
  client.destroy();
  expect(lane.heard.length).toBe(9);
  expect(JSON.parse(lane.heard[0]?.body ?? "")).toEqual({ TableName: "t", Key });
});
