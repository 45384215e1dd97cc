// The official TypeScript client as `session.py` has the Python one: it sends the calls of a description to a server, and
// answers the server's questions. It reads the parameters of `session` from standard input, as members of a JSON object, and
// prints the results of all lists and steps, by name.

import { text } from 'node:stream/consumers';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const MODES = { auto: 'auto', '2026-07-28': { pin: '2026-07-28' }, legacy: 'legacy' };
const METHODS = { elicitation: 'elicitation/create', sampling: 'sampling/createMessage', roots: 'roots/list' };
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
// In milliseconds.
const timeout = 60_000;

// The client says with it on standard output what a server does not have.
console.debug = console.error;

const { command, description, cwd, mode } = JSON.parse(await text(process.stdin));
const standing = description.answers ?? {};
let answers = standing;
let asked = [];
let progress = [];

// The client itself reports that it answers questions.
const ownProgress = /^Fulfilling input required/;

const options = {
    timeout,
    onprogress: ({ progressToken, ...noted }) => ownProgress.test(noted.message) || progress.push(noted),
};

function request(client, step) {
    if (step.read) {
        return client.readResource({ uri: step.read }, { timeout });
    }
    if (step.prompt) {
        return client.getPrompt({ name: step.prompt, arguments: step.arguments }, { timeout });
    }
    if (step.complete) {
        const name = step.complete;
        const ref = name.includes('://') ? { type: 'ref/resource', uri: name } : { type: 'ref/prompt', name };
        const [[argument, value]] = Object.entries(step.argument);
        const context = step.context && { context: { arguments: step.context } };
        return client.complete({ ref, argument: { name: argument, value }, ...context }, { timeout });
    }
    return client.callTool({ name: step.call, arguments: step.arguments }, options);
}

async function plain(future) {
    try {
        return await future;
    } catch (error) {
        return { isError: true, error: { code: error.code, message: error.message } };
    }
}

const client = new Client(
    { name: 'tests-reference', version: '0' },
    {
        capabilities: Object.fromEntries(Object.keys(standing).map(kind => [kind, CAPABILITIES[kind]])),
        versionNegotiation: { mode: MODES[mode] },
    },
);
for (const kind of Object.keys(standing)) {
    client.setRequestHandler(METHODS[kind], ({ params }) => {
        // A server may ask for the roots at any time.
        if (kind === 'roots') {
            return { roots: answers.roots };
        }
        asked.push(params);
        return answers[kind];
    });
}

const env = { ...process.env, ...description.env };
await client.connect(new StdioClientTransport({ command: command[0], args: command.slice(1), env, cwd }));
const results = {};
const lists = {
    tools: () => client.listTools(),
    resources: () => client.listResources(),
    resourceTemplates: () => client.listResourceTemplates(),
    prompts: () => client.listPrompts(),
};
for (const [name, list] of Object.entries(lists)) {
    results[name] = (await plain(list()))[name] ?? [];
}
for (const step of description.steps) {
    answers = { ...standing, ...step.answers };
    [asked, progress] = [[], []];
    const result = await plain(request(client, step));
    results[step.name] = { ...result, ...(asked.length && { asked }), ...(progress.length && { progress }) };
}
console.log(JSON.stringify(results));
await client.close();
