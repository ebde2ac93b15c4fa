/** A DynamoDB that has every order there may be without keeping any: what bench/memory.ts fills the proxy from. */

import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { itemsPerPartition, orderAt, TABLE } from "./data.ts";
import { announce, urlOf } from "./servers/announce.ts";

interface Key {
  readonly pk: { readonly S: string };
  readonly sk: { readonly S: string };
}

const numberIn = ({ S }: { readonly S: string }) => Number(S.slice(S.indexOf("#") + 1));
const order = ({ pk, sk }: Key) => orderAt(numberIn(pk) * itemsPerPartition + numberIn(sk));

const description = {
  Table: {
    TableName: TABLE,
    TableArn: `arn:aws:dynamodb:us-east-1:123456789012:table/${TABLE}`,
    TableId: "6f1c5f0e-5d5e-4a77-9f6d-0d1a3a1b2c3d",
    TableStatus: "ACTIVE",
    CreationDateTime: 1_700_000_000,
    AttributeDefinitions: ["pk", "sk"].map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
  },
};

function answer(operation: string, body: string): object {
  if (operation === "DescribeTable") return description;
  const input = JSON.parse(body);
  if (operation === "GetItem") return { Item: order(input.Key) };
  const keys: readonly Key[] = input.RequestItems[TABLE].Keys;
  return { Responses: { [TABLE]: keys.map(order) }, UnprocessedKeys: {} };
}

const server = createServer(async (request, response) => {
  const operation = String(request.headers["x-amz-target"]).split(".")[1] ?? "";
  const reply = JSON.stringify(answer(operation, await text(request)));
  response.writeHead(200, { "content-type": "application/x-amz-json-1.0" }).end(reply);
});
server.listen(0, "127.0.0.1", () => announce(urlOf(server)));
