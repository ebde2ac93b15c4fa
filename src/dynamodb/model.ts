/** The wire model: what DynamoDB's JSON and its table descriptions look like, in AWS's own names. */

/** One attribute value, as on the wire (API_AttributeValue). Numbers and binaries are strings there. */
export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: boolean }
  | { readonly M: Item }
  | { readonly L: readonly AttributeValue[] }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] };

export interface Item {
  readonly [name: string]: AttributeValue;
}

/** A parsed request or reply body: a JSON object whose members nobody has checked yet. */
export type Input = Readonly<Record<string, unknown>>;

export type KeyType = "S" | "N" | "B";

export interface KeyAttribute {
  readonly name: string;
  readonly type: KeyType;
}

/** A secondary index. A GSI may have up to four attributes in each half of its key; an LSI has one each. */
export interface IndexSchema {
  readonly IndexName: string;
  readonly kind: "local" | "global";
  readonly partitionKey: readonly KeyAttribute[];
  readonly sortKey: readonly KeyAttribute[];
}

/** What we must know of a table to cache it. Immutable: a changed table gets a new object. */
export interface TableSchema {
  readonly TableName: string;
  /** The identity under which we cache: TableArn, the same whether a request names the table by name or ARN. */
  readonly tableId: string;
  readonly partitionKey: KeyAttribute;
  readonly sortKey: KeyAttribute | undefined;
  readonly indexes: ReadonlyMap<string, IndexSchema>;
  /** One table's at one time: differs from other tables', and when it was made anew or its keys or indexes changed. */
  readonly fingerprint: string;
  readonly streamArn: string | undefined;
}

/** The attributes of a table's primary key, partition key first. */
export function keyAttributes(schema: TableSchema): readonly KeyAttribute[] {
  return schema.sortKey ? [schema.partitionKey, schema.sortKey] : [schema.partitionKey];
}

/** True for a JSON object (not null, not an array). */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
