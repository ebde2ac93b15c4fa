// The AWS CLI as a user types it: `aws dynamodb … --endpoint-url http://…`, its JSON read back.

import { type Outcome, plainEnvironment, run } from "./install.ts";
import type { PythonTools } from "./python.ts";

/** An environment of its own: neither the machine's profile nor its Region nor its pager count. */
function environment(): NodeJS.ProcessEnv {
  return plainEnvironment({
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_DEFAULT_OUTPUT: "json",
    AWS_CONFIG_FILE: "/nonexistent",
    AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
    AWS_PAGER: "",
    NO_COLOR: "1",
  });
}

/**
 * `aws dynamodb OPERATION --endpoint-url URL …`. Objects among the parameters are written as JSON.
 * @param variables of the environment, instead of those above
 */
export function awsDynamoDb(
  tools: PythonTools,
  url: string,
  operation: string,
  parameters: Readonly<Record<string, string | number | boolean | object>>,
  variables: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const flags = Object.entries(parameters).flatMap(([name, value]) => {
    if (typeof value === "boolean") return value ? [`--${name}`] : [`--no-${name}`];
    return [`--${name}`, typeof value === "object" ? JSON.stringify(value) : String(value)];
  });
  return run(tools.aws, ["dynamodb", operation, "--endpoint-url", url, ...flags], {
    env: { ...environment(), ...variables },
  });
}
