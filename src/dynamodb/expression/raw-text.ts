/** JSON with sorted members: one text for a parsed request, whatever order its members came in. */

/** What is still to be written: a value, or text that stands as it is. */
type Task =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "text"; readonly text: string };

/**
 * Writes parsed JSON with the members of each object sorted by name. Keeps its own stack: JSON.parse takes
 * documents so deep that recursion (and JSON.stringify) would overflow ours.
 */
export function rawText(root: unknown): string {
  const parts: string[] = [];
  const tasks: Task[] = [{ kind: "value", value: root }];
  for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
    if (task.kind === "text") parts.push(task.text);
    else if (Array.isArray(task.value)) pushList(tasks, task.value);
    else if (typeof task.value === "object" && task.value !== null) pushMembers(tasks, task.value);
    else if (typeof task.value === "string") parts.push(JSON.stringify(task.value));
    // Not JSON.stringify: it writes 1e400, which JSON.parse takes for Infinity, as null.
    else parts.push(String(task.value));
  }
  return parts.join("");
}

/** The stack gives back the last task first, so all is pushed from the end to the beginning. */
function pushList(tasks: Task[], list: readonly unknown[]): void {
  tasks.push({ kind: "text", text: "]" });
  for (let at = list.length - 1; at >= 0; at -= 1) {
    tasks.push({ kind: "value", value: list[at] }, { kind: "text", text: at === 0 ? "[" : "," });
  }
  if (list.length === 0) tasks.push({ kind: "text", text: "[" });
}

function pushMembers(tasks: Task[], object: object): void {
  const members = new Map<string, unknown>(Object.entries(object));
  const names = [...members.keys()].sort();
  tasks.push({ kind: "text", text: "}" });
  for (let at = names.length - 1; at >= 0; at -= 1) {
    const name = names[at] ?? "";
    const text = `${at === 0 ? "{" : ","}${JSON.stringify(name)}:`;
    tasks.push({ kind: "value", value: members.get(name) }, { kind: "text", text });
  }
  if (names.length === 0) tasks.push({ kind: "text", text: "{" });
}
