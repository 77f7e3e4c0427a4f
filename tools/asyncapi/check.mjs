// Exit code 0 if the AsyncAPI document named on the command line is valid: no error and no warning.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const path = process.argv[2];
const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"));
// 0 error, 1 warning; what is below is advice of style.
const found = diagnostics.filter((diagnostic) => diagnostic.severity <= 1);
for (const { severity, message, path: where, range } of found) {
  console.error(`${["error", "warning"][severity]} line ${range.start.line + 1} ${where.join(".")}: ${message}`);
}
if (!document || found.length) process.exit(1);
const messages = document.allMessages().length;
console.log(`${path}: AsyncAPI ${document.version()}, ${document.channels().length} channels, ${messages} messages, valid`);
