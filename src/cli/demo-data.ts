/** What the demo puts into its table: orders by customer, found by status through an index. */
import type { Input, Item } from "../dynamodb/model.ts";

export const DEMO_TABLE = "Orders";
const CUSTOMERS = 20;
const ORDERS_EACH = 10;
const STATUSES = ["placed", "paid", "packed", "shipped"] as const;
const ARTICLES = ["teapot", "lamp", "notebook", "raincoat", "bicycle bell", "mug"] as const;

export const CREATE_TABLE: Input = {
  TableName: DEMO_TABLE,
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [
    { AttributeName: "customerId", AttributeType: "S" },
    { AttributeName: "orderId", AttributeType: "S" },
    { AttributeName: "status", AttributeType: "S" },
  ],
  KeySchema: [
    { AttributeName: "customerId", KeyType: "HASH" },
    { AttributeName: "orderId", KeyType: "RANGE" },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: "byStatus",
      KeySchema: [
        { AttributeName: "status", KeyType: "HASH" },
        { AttributeName: "orderId", KeyType: "RANGE" },
      ],
      Projection: { ProjectionType: "ALL" },
    },
  ],
};

export function customerId(customer: number): string {
  return `customer-${String(customer).padStart(2, "0")}`;
}

export function orderKey(customer: number, order: number): Item {
  return {
    customerId: { S: customerId(customer) },
    orderId: { S: `order-${String(order).padStart(2, "0")}` },
  };
}

/** All items, in the order of their keys. They are the same in every run. */
export function demoItems(): Item[] {
  return Array.from({ length: CUSTOMERS * ORDERS_EACH }, (_, number) => {
    const customer = Math.floor(number / ORDERS_EACH);
    const order = number % ORDERS_EACH;
    const pick = customer * 7 + order * 3;
    return {
      ...orderKey(customer, order),
      status: { S: STATUSES[pick % STATUSES.length]! },
      total: { N: `${10 + (pick % 90)}.5` },
      currency: { S: "EUR" },
      express: { BOOL: pick % 5 === 0 },
      lines: {
        L: [
          { M: { article: { S: ARTICLES[pick % ARTICLES.length]! }, count: { N: `${1 + (pick % 3)}` } } },
          { M: { article: { S: ARTICLES[(pick + 1) % ARTICLES.length]! }, count: { N: "1" } } },
        ],
      },
    };
  });
}
