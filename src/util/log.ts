/** Structured logs: JSON lines on standard error, so that standard output stays with what a person reads. */
import { destination, pino } from "pino";

export type LogLevel = "silent" | "fatal" | "error" | "warn" | "info" | "debug" | "trace";

type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** The narrow logger that components are given. Requests are logged at debug, one line each. */
export interface Logger {
  readonly error: LogMethod;
  readonly warn: LogMethod;
  readonly info: LogMethod;
  readonly debug: LogMethod;
  /** True if a line of this level would be written: ask before building costly fields. */
  isEnabled(level: "error" | "warn" | "info" | "debug"): boolean;
}

/** Members that may hold a secret, wherever a caller puts them one level deep. */
const SECRETS = ["adminToken", "authorization", "secretAccessKey", "sessionToken"];

/**
 * A logger writing to a file descriptor, by default standard error. Errors are given as `error` and come
 * out with name, message and stack. Lines are written at once, so that none is lost when the process ends.
 * @param always members of every line
 */
export function createLogger(
  level: LogLevel,
  fileDescriptor = 2,
  always: Readonly<Record<string, unknown>> | null = null,
): Logger {
  const logger = pino(
    {
      level,
      base: always,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "message",
      errorKey: "error",
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: "[secret]" },
    },
    destination({ dest: fileDescriptor, sync: true }),
  );
  return {
    error: (fields, message) => logger.error(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    info: (fields, message) => logger.info(fields, message),
    debug: (fields, message) => logger.debug(fields, message),
    isEnabled: (wanted) => logger.isLevelEnabled(wanted),
  };
}
