/** The body of POST /api/invalidate: what an operator may ask to be dropped, strictly checked. */
import { nearest } from "../config/nearest.ts";
import { type AttributeValue, type Input, type Item, isObject } from "../dynamodb/model.ts";

export type InvalidateRequest =
  | { readonly kind: "everything" }
  | { readonly kind: "table"; readonly table: string }
  /** `partition` has one attribute, the table's partition key. */
  | { readonly kind: "partition"; readonly table: string; readonly partition: Item }
  /** `key` has one or two attributes; whether they are the table's primary key is not checked yet. */
  | { readonly kind: "item"; readonly table: string; readonly key: Item };

/** A request that cannot be carried out; its message goes to the caller. 404 means: no such table. */
export class InvalidateError extends Error {
  readonly status: 400 | 404;
  constructor(status: InvalidateError["status"], message: string) {
    super(message);
    this.status = status;
  }
}

const members: readonly string[] = ["table", "key", "partition", "everything"];
const keyTypes: readonly string[] = ["S", "N", "B"];
/** Longer than any table ARN (API_TableDescription: TableArn has at most 1024 characters). */
const tableLengthMax = 1024;
const shapes =
  '{"table": "T", "key": {...}}, {"table": "T", "partition": {...}}, {"table": "T"} or {"everything": true}';

function refuse(message: string): never {
  throw new InvalidateError(400, message);
}

function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

function isKeyValue(value: unknown): value is AttributeValue {
  if (!isObject(value)) return false;
  const [type, ...others] = Object.keys(value);
  if (type === undefined || others.length > 0 || !keyTypes.includes(type)) return false;
  return typeof value[type] === "string" && value[type] !== "";
}

function isKey(value: unknown): value is Item {
  return isObject(value) && Object.values(value).every(isKeyValue);
}

/** Checks the attributes of a key or a partition, written in DynamoDB's JSON. */
function readKey(body: Input, member: "key" | "partition", attributesMax: number): Item {
  const value = body[member];
  const example = '{"id": {"S": "7"}}';
  if (!isKey(value)) {
    refuse(
      `"${member}" must have values of type S, N or B in DynamoDB's JSON, none empty, as in ${example}.`,
    );
  }
  const count = Object.keys(value).length;
  if (count >= 1 && count <= attributesMax) return value;
  if (member === "partition") refuse('"partition" must name one attribute, the partition key of the table.');
  return refuse('"key" must name one or two attributes, the whole primary key of the table.');
}

function checkMembers(body: Input): void {
  for (const name of Object.keys(body)) {
    if (members.includes(name)) continue;
    const meant = nearest(name, members);
    refuse(`${quote(name)} is not known here${meant ? `; did you mean "${meant}"?` : `. Send ${shapes}.`}`);
  }
}

/** Reads a parsed JSON body. Throws an InvalidateError that says what to send instead. */
export function readInvalidateRequest(body: unknown): InvalidateRequest {
  if (!isObject(body)) return refuse(`The body must be a JSON object: ${shapes}.`);
  checkMembers(body);
  const has = (name: string) => Object.hasOwn(body, name);
  if (has("everything")) {
    if (body.everything !== true) refuse('"everything" must be true.');
    if (Object.keys(body).length > 1)
      refuse('"everything" stands alone, without "table", "key" or "partition".');
    return { kind: "everything" };
  }
  const table = body.table;
  if (!has("table")) return refuse(`"table" is missing. Send ${shapes}.`);
  if (typeof table !== "string" || table === "" || table.length > tableLengthMax) {
    return refuse('"table" must be the name or ARN of a table.');
  }
  if (has("key") && has("partition")) refuse('"key" and "partition" exclude each other.');
  if (has("key")) return { kind: "item", table, key: readKey(body, "key", 2) };
  if (has("partition")) return { kind: "partition", table, partition: readKey(body, "partition", 1) };
  return { kind: "table", table };
}
