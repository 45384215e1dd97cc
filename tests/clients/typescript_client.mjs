// The driver for the official TypeScript clients. run.py documents the input and output of drivers.
// It drives both generations: `client` (2.x) or `sdk` (1.x) is the first argument.

import { text } from 'node:stream/consumers';

const MODES = { auto: 'auto', modern: { pin: '2026-07-28' }, legacy: 'legacy' };

const generations = {
    async client() {
        const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
        const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
        return { Client, StreamableHTTPClientTransport, StdioClientTransport, question: 'elicitation/create' };
    },
    async sdk() {
        const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
        const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
        const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
        const { ElicitRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
        return { Client, StreamableHTTPClientTransport, StdioClientTransport, question: ElicitRequestSchema };
    },
};

const CHANGES = /^notifications\/(tools|prompts|resources)\/(list_changed|updated)$/;
// All times are in milliseconds.
const CHANGES_TIMEOUT = 10_000;
// The time that the client may take to open the session's notification stream; it does not report when the stream is open.
const STREAM_OPENING_TIME = 1000;
// The time to wait for unexpected notifications; a later one counts as not sent.
const QUIET_TIME = 300;

const say = line => console.log(JSON.stringify(line));

const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

const complaints = [];
const changes = [];
const questions = [];
const answers = [];
let listening;
let closing = false;

// Records the server's standard output before the client parses it: some versions of the client silently drop lines that
// are not messages.
function recordOutput(transport) {
    const chunks = [];
    const buffer = transport._readBuffer;
    const append = buffer.append;
    buffer.append = chunk => {
        chunks.push(chunk);
        return append.call(buffer, chunk);
    };
    return () => Buffer.concat(chunks).toString('utf8');
}

function isMessage(line) {
    try {
        return JSON.parse(line).jsonrpc === '2.0';
    } catch {
        return false;
    }
}

function reference(step) {
    return step.prompt ? { type: 'ref/prompt', name: step.prompt } : { type: 'ref/resource', uri: step.template };
}

async function watch(client, uris) {
    if (client.getProtocolEra?.() === 'modern') {
        listening = await client.listen({ toolsListChanged: true, resourceSubscriptions: uris });
        return { honored: listening.honoredFilter };
    }
    for (const uri of uris) {
        await client.subscribeResource({ uri });
    }
    await sleep(STREAM_OPENING_TIME);
    return {};
}

async function unwatch(client, uris) {
    if (listening) {
        await listening.close();
    } else {
        for (const uri of uris) {
            await client.unsubscribeResource({ uri });
        }
    }
    return {};
}

// Returns the changes since the last call. Waits for `count` changes, and includes any unexpected ones.
async function takeChanges(count) {
    const deadline = performance.now() + CHANGES_TIMEOUT;
    while (changes.length < count && performance.now() < deadline) {
        await sleep(10);
    }
    await sleep(QUIET_TIME);
    return { changes: changes.splice(0) };
}

function answer({ params: { message, requestedSchema } }) {
    questions.push({ message, requestedSchema });
    return answers.shift();
}

function callTool(client, step) {
    answers.splice(0, answers.length, ...(step.answers ?? []));
    // Progress is requested from version 2 only: in version 1 the options are another argument.
    return client.callTool(
        { name: step.name, arguments: step.arguments, ...(step.meta && { _meta: step.meta }) },
        ...(step.progress ? [{ onprogress() {} }] : []),
    );
}

const actions = {
    watch: (client, step) => watch(client, step.uris),
    unwatch: (client, step) => unwatch(client, step.uris),
    take_changes: (client, step) => takeChanges(step.count),
    // The questions to the user since the last call.
    take_questions: () => ({ questions: questions.splice(0) }),
    set_logging_level: (client, step) => client.setLoggingLevel(step.level),
    server_info: async client => ({
        serverInfo: client.getServerVersion(),
        capabilities: client.getServerCapabilities(),
    }),
    list_tools: client => client.listTools(),
    call_tool: callTool,
    list_resources: client => client.listResources(),
    list_resource_templates: client => client.listResourceTemplates(),
    read_resource: (client, step) => client.readResource({ uri: step.uri }),
    list_prompts: client => client.listPrompts(),
    get_prompt: (client, step) => client.getPrompt({ name: step.name, arguments: step.arguments }),
    complete: (client, step) =>
        client.complete({
            ref: reference(step),
            argument: { name: step.argument, value: step.value },
            ...(step.context && { context: { arguments: step.context } }),
        }),
};

async function attempt(client, step) {
    try {
        say({ result: await actions[step.do](client, step) });
    } catch (error) {
        // Version 1 also puts the code into the message.
        const message = error.message.replace(/^MCP error -?\d+: /, '');
        say({ error: typeof error.code === 'number' ? { code: error.code, message } : { message: String(error) } });
    }
}

const job = JSON.parse(await text(process.stdin));
const { Client, StdioClientTransport, StreamableHTTPClientTransport, question } = await generations[process.argv[2]]();

const transport = job.url
    ? new StreamableHTTPClientTransport(new URL(job.url))
    : new StdioClientTransport({ command: job.command[0], args: job.command.slice(1) });
const output = job.url ? () => '' : recordOutput(transport);

// Version 1 does not report the negotiated revision in any other way.
let negotiated;
const setProtocolVersion = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = version => {
    negotiated = version;
    setProtocolVersion?.(version);
};

const client = new Client(
    { name: 'tests-clients', version: '0' },
    {
        capabilities: { elicitation: { form: {} } },
        enforceStrictCapabilities: true,
        versionNegotiation: { mode: MODES[job.mode] },
    },
);
client.setRequestHandler(question, answer);
client.fallbackNotificationHandler = async notification => {
    if (CHANGES.test(notification.method)) {
        changes.push(notification);
    }
};
client.onerror = error => closing || complaints.push(String(error));

await client.connect(transport);
say({ connected: client.getNegotiatedProtocolVersion?.() ?? negotiated });
for (const step of job.steps) {
    await attempt(client, step);
}
const started = performance.now();
await transport.terminateSession?.();
// The client reports an error for each stream that it closes itself.
closing = true;
await client.close();
const seconds = (performance.now() - started) / 1000;

for (const line of output().split('\n')) {
    if (line !== '' && !isMessage(line)) {
        complaints.push(`on standard output: ${line}`);
    }
}
say({ closed: { seconds, complaints } });
