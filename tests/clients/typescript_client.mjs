// The official TypeScript clients, as a driver for run.py (which says what a driver reads and prints).
// Both generations are driven by the same code: `client` (2.x) or `sdk` (1.x) is the first argument.

import { text } from 'node:stream/consumers';

const MODES = { auto: 'auto', modern: { pin: '2026-07-28' }, legacy: 'legacy' };

const generations = {
    async client() {
        const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
        const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
        return { Client, StreamableHTTPClientTransport, StdioClientTransport };
    },
    async sdk() {
        const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
        const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
        const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
        return { Client, StreamableHTTPClientTransport, StdioClientTransport };
    },
};

const say = line => console.log(JSON.stringify(line));

const complaints = [];
let closing = false;

// What the server wrote to standard output, before the client had a look at it: some versions of
// the client drop a line that is no message without a word.
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

const actions = {
    server_info: async client => ({
        serverInfo: client.getServerVersion(),
        capabilities: client.getServerCapabilities(),
    }),
    list_tools: client => client.listTools(),
    call_tool: (client, step) => client.callTool({ name: step.name, arguments: step.arguments }),
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
        // Version 1 puts the code into the message as well.
        const message = error.message.replace(/^MCP error -?\d+: /, '');
        say({ error: typeof error.code === 'number' ? { code: error.code, message } : { message: String(error) } });
    }
}

const job = JSON.parse(await text(process.stdin));
const { Client, StdioClientTransport, StreamableHTTPClientTransport } = await generations[process.argv[2]]();

const transport = job.url
    ? new StreamableHTTPClientTransport(new URL(job.url))
    : new StdioClientTransport({ command: job.command[0], args: job.command.slice(1) });
const output = job.url ? () => '' : recordOutput(transport);

// Version 1 has no other way to learn what was negotiated.
let negotiated;
const setProtocolVersion = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = version => {
    negotiated = version;
    setProtocolVersion?.(version);
};

const client = new Client(
    { name: 'tests-clients', version: '0' },
    { enforceStrictCapabilities: true, versionNegotiation: { mode: MODES[job.mode] } },
);
client.onerror = error => closing || complaints.push(String(error));

await client.connect(transport);
say({ connected: client.getNegotiatedProtocolVersion?.() ?? negotiated });
for (const step of job.steps) {
    await attempt(client, step);
}
const started = performance.now();
await transport.terminateSession?.();
// The client reports the streams that it cuts itself.
closing = true;
await client.close();
const seconds = (performance.now() - started) / 1000;

for (const line of output().split('\n')) {
    if (line !== '' && !isMessage(line)) {
        complaints.push(`on standard output: ${line}`);
    }
}
say({ closed: { seconds, complaints } });
