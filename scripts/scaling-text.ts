/** Numbers, tables and paragraphs for docs/SCALING.md. */

export const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
export const short = (value: number): string =>
  value >= 10 ? whole(value) : String(Number(value.toPrecision(2)));
export const percent = (share: number): string => `${whole(share * 100)} %`;

const pageColumns = 120;

/** Words in lines of the page's width. */
export function paragraph(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > pageColumns) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join("\n");
}

/** @param texts the columns that are no figures, beside the first */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  texts: readonly number[] = [],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = `|${head.map((_, at) => (at === 0 || texts.includes(at) ? "---" : "---:")).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}
