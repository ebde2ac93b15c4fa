// Which host a call goes to, compared with the resolver of the installed AWS SDK.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { describe, expect, test } from "vitest";
import { createEndpoints } from "../../../src/upstream/endpoints.ts";

const GET = "DynamoDB_20120810.GetItem";
const SEARCH = "DynamoDB_20120810.SearchVectors";
const RECORDS = "DynamoDBStreams_20120810.GetRecords";
const accountId = "123456789012";

const regions = [
  "us-east-1",
  "us-east-2",
  "us-west-2",
  "eu-west-1",
  "eu-central-2",
  "ap-southeast-7",
  "sa-east-1",
  "il-central-1",
  "mx-central-1",
  "af-south-1",
  "me-south-1",
  "ca-west-1",
  "cn-north-1",
  "cn-northwest-1",
  "us-gov-east-1",
  "us-gov-west-1",
  "us-iso-east-1",
  "us-iso-west-1",
  "us-isob-east-1",
  "eu-isoe-west-1",
  "us-isof-south-1",
  "eusc-de-east-1",
  "xx-new-9",
];
const credentials = { accessKeyId: "a", secretAccessKey: "b" };
const dataRules = new DynamoDBClient({ region: "us-east-1", credentials }).config.endpointProvider;
const streamRules = new DynamoDBStreamsClient({ region: "us-east-1", credentials }).config.endpointProvider;

describe.each(regions)("%s", (region) => {
  test.each(["regional", "dual-stack"] as const)("%s hosts are the SDK's", (mode) => {
    const endpoints = createEndpoints({ upstream: "aws", region, mode });
    const parameters = { Region: region, UseDualStack: mode === "dual-stack", UseFIPS: false };
    const data = dataRules(parameters).url.origin;
    const search = dataRules({ ...parameters, IsSearchOperation: true }).url.origin;
    expect(endpoints.resolve(GET).origin).toBe(data);
    expect(endpoints.resolve(SEARCH).origin).toBe(search);
    expect(endpoints.resolve(RECORDS).origin).toBe(streamRules(parameters).url.origin);
    expect(endpoints.resolve(GET).host).toBe(new URL(data).host);
  });
});

const accountRegions = ["us-east-1", "ap-northeast-1", "cn-north-1", "us-gov-west-1"];

test.each(accountRegions)("account-based hosts are the SDK's: %s", (region) => {
  const endpoints = createEndpoints({ upstream: "aws", region, mode: "account", accountId });
  const parameters = {
    Region: region,
    UseDualStack: false,
    UseFIPS: false,
    AccountId: accountId,
    AccountIdEndpointMode: "required",
  };
  expect(endpoints.resolve(GET).origin).toBe(dataRules(parameters).url.origin);
  expect(endpoints.resolve(SEARCH).origin).toBe(
    dataRules({ ...parameters, IsSearchOperation: true }).url.origin,
  );
  expect(endpoints.resolve(RECORDS).origin).toBe(streamRules(parameters).url.origin);
});

test("a URL gets everything", () => {
  const endpoints = createEndpoints({ upstream: "http://localhost:8000", region: "us-east-1" });
  const expected = { origin: "http://localhost:8000", host: "localhost:8000", path: "/" };
  for (const target of [GET, SEARCH, RECORDS]) expect(endpoints.resolve(target)).toEqual(expected);
});

test.each([
  [{ upstream: "localhost:8000", region: "us-east-1" }, /neither "aws" nor an http/],
  [{ upstream: "ftp://x", region: "us-east-1" }, /neither "aws" nor an http/],
  [{ upstream: "aws", region: "" }, /set region or AWS_REGION/],
  [{ upstream: "aws", region: "evil.example/" }, /cannot be an AWS Region/],
  [{ upstream: "aws", region: "us-east-1", mode: "account" as const }, /awsAccountId/],
  [{ upstream: "aws", region: "us-east-1", mode: "account" as const, accountId: "12" }, /awsAccountId/],
])("refuses %o", (options, message) => {
  expect(() => createEndpoints(options)).toThrow(message);
});
