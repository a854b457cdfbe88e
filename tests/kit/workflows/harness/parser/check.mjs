// Asks GitHub's own parser about the workflows of a folder: node check.mjs ROOT NAME… → a JSON list of errors.
import { readFileSync } from "node:fs";
import { register } from "node:module";
import { join } from "node:path";

register("./json-hook.mjs", import.meta.url);
const { parseWorkflow, convertWorkflowTemplate, NoOperationTraceWriter } = await import("@actions/workflow-parser");
const { fileIdentifier } = await import("@actions/workflow-parser/workflows/file-reference");

const [root, ...names] = process.argv.slice(2);
const provider = {
  async getFileContent(reference) {
    const path = reference.path.replace(/^\$\//, "");
    return { name: fileIdentifier(reference), content: readFileSync(join(root, path), "utf8") };
  },
};
const found = [];
for (const name of names) {
  const content = readFileSync(join(root, name), "utf8");
  const parsed = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (parsed.value) {
    const options = { fetchReusableWorkflowDepth: 1, errorPolicy: 1 };
    await convertWorkflowTemplate(parsed.context, parsed.value, provider, options);
  }
  for (const error of parsed.context.errors.getErrors()) found.push({ file: name, message: error.message });
}
console.log(JSON.stringify(found));
