/** DynamoDB Local in a process of the benchmark's own, so that it can be pinned to a core with all it starts. */

import { startDynamoDbLocal } from "../../test/support/dynamodb-local.ts";
import { announce } from "./announce.ts";

announce((await startDynamoDbLocal()).url);
