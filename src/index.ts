/** For embedding: run the proxy inside another Node program. */

export { type App, createApp } from "./app.ts";
export { type Loaded as LoadedSettings, loadSettings } from "./config/load.ts";
export type { Settings } from "./config/settings.ts";
export { DynamoDbError, type ErrorName } from "./dynamodb/errors.ts";
