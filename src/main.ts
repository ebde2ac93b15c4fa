#!/usr/bin/env node
/** Process entry. It imports nothing before it knows that this Node.js can run the rest. */

/** How long what is still open may hold up the end of the process once the command is done. */
const LINGER_MS = 1000;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `dynatier needs Node.js 22.19 or newer and this is ${process.versions.node}: ` +
      "install a current one (https://nodejs.org), or in a checkout run `npm ci`, then `npm start`.\n",
  );
  process.exitCode = 2;
} else {
  const { runCommandLine } = await import("./cli/command-line.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

export {};
