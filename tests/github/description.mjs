// Serves GitHub's API as its description defines it, and calls each tool of the example `github`: node description.mjs SERVER
//
// A request is refused if the description does not have its path, its parameters or its body. The responses are the examples
// of the description.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import Ajv from "ajv";

const TOKEN = "ghp_0123456789secret";
const file = new URL("node_modules/@octokit/openapi/generated/api.github.com.deref.json", import.meta.url);
const description = JSON.parse(readFileSync(fileURLToPath(file), "utf8"));
const options = { strict: false, validateFormats: false };
const bodies = new Ajv(options);
// Parameters are text.
const parameters = new Ajv({ ...options, coerceTypes: true });

// Each operation with a pattern of its path. The path of a file has slashes.
const operations = Object.entries(description.paths).flatMap(([path, methods]) => {
  const pattern = path.replace(/\{(\w+)\}/g, (_, name) => (name === "path" ? `(?<${name}>.+)` : `(?<${name}>[^/]+)`));
  return Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    pattern: new RegExp(`^${pattern}$`),
    operation,
  }));
});

// Replaces the keyword `nullable` of OpenAPI 3.0 where ajv does not accept it: in schemas without a type.
function withoutNullable(schema) {
  return JSON.parse(JSON.stringify(schema), (_, value) => {
    if (value?.nullable === undefined || value.type !== undefined) return value;
    const { nullable, ...rest } = value;
    return nullable ? { anyOf: [rest, { type: "null" }] } : rest;
  });
}

// Returns the mistakes of a value according to its schema.
function mistakes(ajv, name, schema, value) {
  const data = { value };
  const validate = ajv.compile({ type: "object", properties: { value: withoutNullable(schema) } });
  return validate(data) ? [] : [`${name}: ${ajv.errorsText(validate.errors)}`];
}

function checkHeaders(headers) {
  const accepted = headers.accept === "application/vnd.github+json";
  return [
    ...(accepted ? [] : [`Accept is ${headers.accept}`]),
    ...(/^\d{4}-\d{2}-\d{2}$/.test(headers["x-github-api-version"]) ? [] : ["X-GitHub-Api-Version is missing"]),
    ...(headers["user-agent"] ? [] : ["User-Agent is missing"]),
    ...(headers.authorization === `Bearer ${TOKEN}` ? [] : ["Authorization is not the token"]),
  ];
}

function checkParameters(operation, values, place) {
  const known = (operation.parameters ?? []).filter((parameter) => parameter.in === place);
  const missing = known.filter(({ name, required }) => required && !(name in values)).map(({ name }) => `${name} is missing`);
  const wrong = Object.entries(values).flatMap(([name, value]) => {
    const parameter = known.find((one) => one.name === name);
    return parameter ? mistakes(parameters, name, parameter.schema, value) : [`${name} is not a parameter in the ${place}`];
  });
  return [...missing, ...wrong];
}

function checkBody(operation, text) {
  const schema = operation.requestBody?.content["application/json"].schema;
  if (!schema) return text ? ["there is a body"] : [];
  const body = JSON.parse(text);
  const unknown = Object.keys(body).filter((name) => !(name in schema.properties));
  return [...unknown.map((name) => `${name} is not a field of the body`), ...mistakes(bodies, "the body", schema, body)];
}

// Returns the operation of a request, and its mistakes.
function check(method, target, headers, body) {
  const url = new URL(target, "http://localhost");
  const found = operations.find((one) => one.method === method && one.pattern.test(url.pathname));
  if (!found) return { mistakes: [`there is no operation ${method} ${url.pathname}`] };
  const path = Object.fromEntries(
    Object.entries(found.pattern.exec(url.pathname).groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]),
  );
  const all = [
    ...checkHeaders(headers),
    ...checkParameters(found.operation, path, "path"),
    ...checkParameters(found.operation, Object.fromEntries(url.searchParams), "query"),
    ...checkBody(found.operation, body),
  ];
  return { ...found, mistakes: all };
}

// Returns the example of a response. The description has one for each kind of path in `contents`.
function example(operation, target) {
  const [status, response] = Object.entries(operation.responses).find(([code]) => code.startsWith("2"));
  const { examples } = response.content["application/json"];
  const directory = "response-if-content-is-a-directory";
  const one = examples.default ?? examples[target.includes("/directory") ? directory : "response-if-content-is-a-file"];
  // Some examples contain another one by mistake.
  const given = one.value.value ?? one.value;
  // The content in the example of a file is not base64.
  const value = given.encoding === "base64" ? { ...given, content: "SGVs\nbG8=\n" } : given;
  return { status: Number(status), value };
}

const problems = [];
const seen = new Set();
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const found = check(request.method, request.url, request.headers, Buffer.concat(chunks).toString());
  if (found.mistakes.length > 0) {
    problems.push(`${request.method} ${request.url}: ${found.mistakes.join("; ")}`);
    response.writeHead(418).end("{}");
    return;
  }
  seen.add(found.name);
  const { status, value } = example(found.operation, request.url);
  response.writeHead(status, { "Content-Type": "application/json; charset=utf-8" }).end(JSON.stringify(value));
});

// Calls a tool with the command line of the server.
function call(url, tool, args) {
  const env = { ...process.env, GITHUB_API_URL: url, GITHUB_TOKEN: TOKEN };
  const child = spawn(process.argv[2], ["call", tool, "--arguments", JSON.stringify(args), "--json"], { env });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output })));
}

const repo = { owner: "octo-org", repo: "hello.world" };
const CALLS = [
  ["list_issues", { ...repo, state: "all", labels: ["bug", "ui"], page: 2 }, "Found a bug"],
  ["get_issue", { ...repo, issue_number: 1347 }, "Found a bug"],
  ["create_issue", { ...repo, title: "Found a bug", body: "It fails.", labels: ["bug"] }, "1347"],
  ["add_issue_comment", { ...repo, issue_number: 1347, body: "Me too" }, "issuecomment"],
  ["list_pull_requests", { ...repo, state: "closed" }, "Amazing new feature"],
  ["get_pull_request", { ...repo, pull_number: 1347 }, "Amazing new feature"],
  ["get_pull_files", { ...repo, pull_number: 1347 }, "file1.txt"],
  ["get_file_contents", { ...repo, path: "a file/ü.txt", ref: "main" }, "Hello"],
  ["get_file_contents", { ...repo, path: "directory" }, "octokit"],
  ["search_code", { query: "addClass in:file repo:jquery/jquery" }, "classes.js"],
  ["search_issues", { query: "windows label:bug state:open" }, "Line Number"],
  ["search_repos", { query: "tetris language:assembly", page: 3 }, "Tetris"],
];

// Shows that the checks find mistakes.
function goesRed() {
  const headers = { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28", "user-agent": "x", authorization: `Bearer ${TOKEN}` };
  const wrong = [
    ["GET", "/search/code?query=x", headers, ""],
    ["GET", "/search/code", headers, ""],
    ["GET", "/repos/a/b/issues?state=wrong", headers, ""],
    ["GET", "/repos/a/b/issues?per_page=many", headers, ""],
    ["GET", "/repos/a/b/issues/x", headers, ""],
    ["GET", "/repo/a/b/issues", headers, ""],
    ["PUT", "/repos/a/b/issues", headers, ""],
    ["POST", "/repos/a/b/issues", headers, '{"body": "x"}'],
    ["POST", "/repos/a/b/issues/1/comments", headers, '{"text": "x", "body": "x"}'],
    ...Object.keys(headers).map((name) => ["GET", "/search/code?q=x", { ...headers, [name]: undefined }, ""]),
  ];
  const missed = wrong.filter((request) => check(...request).mistakes.length === 0);
  return missed.map(([method, target]) => `a mistake in ${method} ${target} is not found`);
}

problems.push(...goesRed());
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}`;
for (const [tool, args, expected] of CALLS) {
  const { code, output } = await call(url, tool, args);
  if (code !== 0 || !output.includes(expected)) problems.push(`${tool}: ${code} ${output.slice(0, 500)}`);
  if (output.includes(TOKEN)) problems.push(`${tool} shows the token`);
}
server.close();
if (seen.size !== 11) problems.push(`${seen.size} operations were used: ${[...seen].join(", ")}`);
for (const problem of problems) console.error(problem);
console.log(`${CALLS.length} calls, ${seen.size} operations of ${operations.length}, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
