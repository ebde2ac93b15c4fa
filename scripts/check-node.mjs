/**
 * First step of the npm scripts that run TypeScript directly. Plain JavaScript that an old Node.js can read:
 * `npm ci` brings a current one, but only where npm may run install scripts.
 */
const [major, minor] = process.versions.node.split(".").map(Number);

if (major < 22 || (major === 22 && minor < 19)) {
  console.error(
    `dynatier needs Node.js 22.19 or newer and this is ${process.versions.node}: run \`npm ci\` without ` +
      "--ignore-scripts (it brings a current one into node_modules), or install one from https://nodejs.org.",
  );
  process.exit(1);
}
