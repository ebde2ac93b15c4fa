/** The spelling that signatures have for a moment. */

/** Milliseconds since 1970 in ISO 8601's basic form, whole seconds: "20260101T120000Z". */
export function formatTime(atMs: number): string {
  return `${new Date(atMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, "")}`;
}
