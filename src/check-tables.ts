/** What `dynatier check` asks: does the upstream answer, and how is each of its tables cached? */

import type { TableReport } from "./admin/table-report.ts";
import { parseReply, toBytes } from "./dynamodb/json-codec.ts";
import type { StoreFacts } from "./redis/shared-store.ts";
import type { Upstream } from "./upstream/upstream.ts";

export interface TableCheck {
  readonly problems: string[];
  readonly tables: TableReport[];
  /** Undefined = there is none. */
  readonly redis?: StoreFacts | undefined;
}

export interface TableCheckOptions {
  readonly upstream: Upstream;
  readonly tablesMax: number;
  /** Of a request that is sent now. */
  readonly deadlineAtMs: () => number;
  readonly report: (TableName: string) => Promise<TableReport>;
}

/** Never rejects: an upstream that cannot be reached is a problem like others. */
export async function checkTables(options: TableCheckOptions): Promise<TableCheck> {
  try {
    const names = await listTables(options);
    const tables = await Promise.all(names.map(options.report));
    const problems = tables
      .filter(({ why }) => why.startsWith("it cannot be described"))
      .map(({ table, why }) => `${table}: ${why}`);
    return { problems, tables };
  } catch (error) {
    return { problems: [error instanceof Error ? error.message : String(error)], tables: [] };
  }
}

async function listTables({ upstream, tablesMax, deadlineAtMs }: TableCheckOptions): Promise<string[]> {
  const names: string[] = [];
  let ExclusiveStartTableName: unknown;
  do {
    const reply = await upstream.send({
      target: "DynamoDB_20120810.ListTables",
      body: toBytes({ ExclusiveStartTableName }),
      idempotent: true,
      deadlineAtMs: deadlineAtMs(),
    });
    const body = parseReply(reply.body);
    if (reply.status !== 200) throw new Error(`ListTables was refused: ${JSON.stringify(body)}`);
    if (Array.isArray(body.TableNames)) names.push(...body.TableNames.map(String));
    ExclusiveStartTableName = body.LastEvaluatedTableName;
  } while (ExclusiveStartTableName !== undefined && names.length < tablesMax);
  return names;
}
