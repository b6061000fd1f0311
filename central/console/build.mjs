// Bundles the console into dist/ and refuses a script above its budget, so that a dependency that grows is noticed on
// the day it grows and not on the day an operator waits for the page.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 90 * 1024;

process.chdir(import.meta.dirname ?? new URL(".", import.meta.url).pathname);
await rm("dist", { recursive: true, force: true });
await mkdir("dist", { recursive: true });
await build({
  entryPoints: { console: "src/main.tsx", style: "src/style.css" },
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
});
for (const file of ["index.html", "icon.svg"]) await copyFile(`src/${file}`, `dist/${file}`);

const size = gzipSync(await readFile("dist/console.js")).length;
console.error(`dist/console.js: ${(size / 1024).toFixed(1)} KB gzip of ${BUDGET_BYTES / 1024} KB`);
if (size > BUDGET_BYTES) {
  console.error("The script is over its budget: drop a dependency, or load the part that is not needed at first later.");
  process.exit(1);
}
