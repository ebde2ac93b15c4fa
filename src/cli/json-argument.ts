/** JSON given on the command line. */
import { type Input, isObject } from "../dynamodb/model.ts";
import { UsageError } from "./command.ts";

/** Parses the text of an argument that must be a JSON object; a UsageError names the argument. */
export function jsonArgument(text: string, name: string): Input {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${name} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (!isObject(value)) throw new UsageError(`${name} must be a JSON object`);
  return value;
}
