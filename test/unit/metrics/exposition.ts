// A strict reader of Prometheus' text format: a line that does not follow the grammar is an error.

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  readonly types: ReadonlyMap<string, string>;
  readonly helps: ReadonlyMap<string, string>;
  readonly series: readonly Series[];
  /** Sum of the series of a name that have all of these labels. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
}

const seriesLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9][0-9.e+-]*)$/;
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  labelPair.lastIndex = 0;
  while (labelPair.lastIndex < text.length) {
    const match = labelPair.exec(text);
    if (!match) throw new Error(`not labels: ${text}`);
    labels[match[1]!] = match[2]!.replaceAll('\\"', '"').replaceAll("\\\\", "\\");
  }
  return labels;
}

/** Reads a whole scrape. Refuses NaN, infinities, series before their TYPE line and series given twice. */
export function readExposition(text: string): Exposition {
  const types = new Map<string, string>();
  const helps = new Map<string, string>();
  const series: Series[] = [];
  const seen = new Set<string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment) {
      (comment[1] === "TYPE" ? types : helps).set(comment[2]!, comment[3]!);
      continue;
    }
    const match = seriesLine.exec(line);
    if (!match) throw new Error(`not a series: ${line}`);
    const name = match[1]!;
    if (!types.has(name) && !types.has(name.replace(/_(bucket|sum|count)$/, "")))
      throw new Error(`no TYPE: ${line}`);
    const labels = readLabels(match[2] ?? "");
    const identity = `${name} ${JSON.stringify(Object.entries(labels).toSorted())}`;
    if (seen.has(identity)) throw new Error(`twice: ${line}`);
    seen.add(identity);
    series.push({ name, labels, value: Number(match[3]) });
  }
  const sum = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    series
      .filter((one) => one.name === name)
      .filter((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value))
      .reduce((total, one) => total + one.value, 0);
  return { types, helps, series, sum };
}
