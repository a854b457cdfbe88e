// Does what upload-artifact v7, download-artifact v8 and cache v5 do, with the clients inside them: node action.mjs ACTION.
// The inputs come as JSON, as in the stand-ins. An input that is not done here is an error.
import * as core from "@actions/core";
import { appendFileSync, statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";

// Each takes half a second to load: only the one that the action has inside.
const [, , action] = process.argv;
const cache = action.startsWith("actions/cache/") && (await import("@actions/cache"));
const client = cache ? null : new (await import("@actions/artifact")).DefaultArtifactClient();
const value = (name) => core.getInput(name);
const lines = (name) => core.getMultilineInput(name);
const workspace = process.env.GITHUB_WORKSPACE;

// The least common folder of what was searched, or the folder of the only file.
function rootOf(searched, files) {
  if (searched.length === 1) return files.length === 1 && files[0] === searched[0] ? dirname(files[0]) : searched[0];
  const split = searched.map((path) => path.split(sep));
  let depth = 0;
  while (split.every((parts) => depth < parts.length && parts[depth] === split[0][depth])) depth += 1;
  return split[0].slice(0, depth).join(sep) || sep;
}

async function upload() {
  const glob = await import("@actions/glob");
  if (!core.getBooleanInput("archive")) throw new Error("archive: false is not done here");
  const options = { excludeHiddenFiles: !core.getBooleanInput("include-hidden-files"), omitBrokenSymbolicLinks: true };
  const globber = await glob.create(core.getInput("path", { required: true }), options);
  const files = (await globber.glob()).filter((path) => !statSync(path).isDirectory());
  if (files.length === 0) {
    const text = `No files were found with the provided path: ${value("path")}. No artifacts will be uploaded.`;
    const say = { warn: core.warning, error: core.setFailed, ignore: core.info }[value("if-no-files-found")];
    return say(text);
  }
  const name = value("name");
  if (core.getBooleanInput("overwrite")) await client.deleteArtifact(name).catch((error) => core.debug(error.message));
  const given = { compressionLevel: Number(value("compression-level")) };
  if (value("retention-days")) given.retentionDays = Number(value("retention-days"));
  const done = await client.uploadArtifact(name, files, rootOf(globber.getSearchPaths(), files), given);
  core.setOutput("artifact-id", done.id);
  core.setOutput("artifact-digest", done.digest);
  const run = `${process.env.GITHUB_REPOSITORY}/actions/runs/${process.env.GITHUB_RUN_ID}`;
  core.setOutput("artifact-url", `https://github.com/${run}/artifacts/${done.id}`);
}

// Of each name the artifact with the highest id is listed, and only among those an id is looked for.
async function byIds(wanted) {
  const numbers = wanted.map((word) => parseInt(word, 10));
  const bad = wanted.find((_, at) => Number.isNaN(numbers[at]));
  if (bad !== undefined) throw new Error(`Invalid artifact ID: '${bad}'. Must be a number.`);
  const { artifacts } = await client.listArtifacts({ latest: true });
  const found = artifacts.filter((one) => numbers.includes(one.id));
  if (found.length === 0) throw new Error("None of the provided artifact IDs were found");
  const missing = numbers.filter((number) => !found.some((one) => one.id === number));
  if (missing.length > 0) core.warning(`Could not find the following artifact IDs: ${missing.join(", ")}`);
  return found;
}

async function download() {
  for (const name of ["pattern", "github-token"]) if (value(name)) throw new Error(`${name} is not done here`);
  const ids = value("artifact-ids").split(",").map((word) => word.trim()).filter((word) => word !== "");
  const name = value("name");
  if (name && value("artifact-ids")) throw new Error("Inputs 'name' and 'artifact-ids' cannot be used together");
  let artifacts;
  if (name) artifacts = [(await client.getArtifact(name)).artifact];
  else if (value("artifact-ids")) artifacts = await byIds(ids);
  else ({ artifacts } = await client.listArtifacts({ latest: true }));
  const together = name || (ids.length > 0 && artifacts.length === 1) || core.getBooleanInput("merge-multiple");
  const target = resolve(value("path") || workspace);
  for (const one of artifacts) {
    const path = together ? target : join(target, one.name);
    const skipDecompress = core.getBooleanInput("skip-decompress");
    const done = await client.downloadArtifact(one.id, { path, expectedHash: one.digest, skipDecompress });
    if (!done.digestMismatch) continue;
    const text = `Artifact '${one.name}' digest validation failed. Please verify the integrity of the artifact.`;
    if (value("digest-mismatch") === "error") throw new Error(text);
    ({ warn: core.warning, info: core.info })[value("digest-mismatch")]?.(text);
  }
  core.setOutput("download-path", target);
}

const paths = () => lines("path").map((path) => resolve(path));

async function restore() {
  const key = core.getInput("key", { required: true });
  const lookupOnly = core.getBooleanInput("lookup-only");
  const matched = await cache.restoreCache(paths(), key, lines("restore-keys"), { lookupOnly });
  core.setOutput("cache-primary-key", key);
  if (!matched) {
    if (core.getBooleanInput("fail-on-cache-miss")) throw new Error(`Failed to restore cache entry: ${key}`);
    return core.info(`Cache not found for input keys: ${[key, ...lines("restore-keys")].join(", ")}`);
  }
  core.setOutput("cache-matched-key", matched);
  core.setOutput("cache-hit", String(matched === key));
}

// A cache that cannot be saved is a warning.
async function save() {
  try {
    const saved = await cache.saveCache(paths(), core.getInput("key", { required: true }));
    if (saved === -1) core.warning("Cache save failed.");
  } catch (error) {
    core.warning(error.message);
  }
}

const actions = {
  "actions/upload-artifact": upload,
  "actions/download-artifact": download,
  "actions/cache/restore": restore,
  "actions/cache/save": save,
};
const given = Object.entries(JSON.parse(process.env.STANDIN_INPUTS)).map(([name, text]) => [name, String(text ?? "")]);
for (const [name, text] of given) process.env[`INPUT_${name.toUpperCase()}`] = text;
const call = { job: process.env.GITHUB_JOB ?? "", call: action, with: Object.fromEntries(given) };
appendFileSync(join(process.env.STANDIN_STATE, "trace.jsonl"), `${JSON.stringify(call)}\n`);
try {
  await actions[action]();
} catch (error) {
  core.setFailed(action === "actions/download-artifact" ? `Unable to download artifact(s): ${error.message}` : error.message);
}
process.exit(); // a request that still waits must not keep the step alive
