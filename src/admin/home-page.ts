/** The page of GET /: which endpoints there are. */

export interface Endpoint {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly purpose: string;
}

function row({ method, url, purpose }: Endpoint): string {
  const name = method === "GET" ? `<a href="${url}">${url}</a>` : url;
  return `<tr><td>${method}</td><td>${name}</td><td>${purpose}</td></tr>`;
}

/** HTML without scripts or styles. The endpoints' texts are ours and need no escaping. */
export function homePage(endpoints: readonly Endpoint[]): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>dynatier</title></head>',
    "<body><h1>dynatier</h1>",
    `<table>${endpoints.map(row).join("")}</table>`,
    "</body></html>",
    "",
  ].join("\n");
}
