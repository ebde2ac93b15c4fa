/** nginx as people cache DynamoDB with it today: proxy_cache keyed on the POST body. It knows nothing of coherence. */

import type { ChildProcess } from "node:child_process";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { serverCore, startProgram, stop } from "./processes.ts";
import { freePort } from "./start-up.ts";

const startMsMax = 20_000;

/** Why it cannot be measured here; undefined = it can. */
export function whyNoNginx(): string | undefined {
  return spawnSync("nginx", ["-v"]).status === 0 ? undefined : "nginx is not installed";
}

export interface Nginx {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** One worker. Its cache's status goes where the other servers' does, so that all replies have the same headers. */
function configuration(port: number, upstream: string, folder: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `  ${name}_temp_path ${folder}/${name};`,
  );
  return `
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  open_file_cache max=100000 inactive=1h;
  open_file_cache_valid 1h;
${temporary.join("\n")}
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=bench:64m inactive=1h use_temp_path=off;
  upstream dynamodb { server ${new URL(upstream).host}; keepalive 32; }
  server {
    listen 127.0.0.1:${port};
    location / {
      client_max_body_size 1m;
      client_body_buffer_size 1m;
      client_body_in_single_buffer on;
      proxy_pass http://dynamodb;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache bench;
      proxy_cache_methods POST;
      proxy_cache_key $http_x_amz_target$request_body;
      proxy_cache_valid 200 1h;
      add_header x-dynatier-cache $upstream_cache_status;
    }
  }
}
`;
}

export async function startNginx(upstream: string): Promise<Nginx> {
  const folder = mkdtempSync(path.join(tmpdir(), "dynatier-nginx-"));
  mkdirSync(path.join(folder, "cache"));
  const port = await freePort();
  const file = path.join(folder, "nginx.conf");
  // Started as root, its worker runs as root too, or it could not write into our folder.
  const user = process.getuid?.() === 0 ? "user root;\n" : "";
  writeFileSync(file, user + configuration(port, upstream, folder));
  const child = startProgram(serverCore, ["nginx", "-p", folder, "-c", file]);
  const url = `http://127.0.0.1:${port}`;
  const end = async (): Promise<void> => {
    await stop(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(url, child);
  } catch (error) {
    await end();
    throw error;
  }
  return { url, pid: child.pid ?? 0, stop: end };
}

async function untilListening(url: string, child: ChildProcess): Promise<void> {
  const giveUpAtMs = performance.now() + startMsMax;
  while (performance.now() < giveUpAtMs && child.exitCode === null) {
    // Any answer will do.
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return;
    await sleep(20);
  }
  throw new Error("nginx does not listen");
}
