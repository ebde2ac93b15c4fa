/** Columns of text for a terminal. */

/** A heading, a rule and one line a row, columns padded to their widest cell and two spaces apart. */
export function tableLines(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heading.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [heading, widths.map((width) => "─".repeat(width)), ...rows].map((row) => tableLine(row, widths));
}

/** One line in columns of the given widths. */
export function tableLine(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join("  ")
    .trimEnd();
}

/** A duration with the unit that suits it: "420 µs", "3.05 ms", "1.20 s". */
export function humanMs(ms: number): string {
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${ms.toFixed(2)} ms`;
  return `${(ms / 1000).toFixed(2)} s`;
}
