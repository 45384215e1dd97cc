// The official TypeScript client, which logs in: typescript_login.mjs URL MODE [CLIENT]
// It does and prints the same as python_login.py.

import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';

const [url, mode, registered] = process.argv.slice(2);
const CALLBACK = 'http://127.0.0.1:9/callback';

// Follows the redirects of a login as a browser does.
async function follow(to) {
    const cookies = new Map();
    for (let count = 0; count < 20 && !to.startsWith(CALLBACK); count++) {
        const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
        const answer = await fetch(to, { redirect: 'manual', headers: { cookie } });
        for (const line of answer.headers.getSetCookie()) {
            const [name, value] = line.split(';')[0].split('=');
            cookies.set(name, value);
        }
        if (!answer.headers.has('location')) throw new Error(`no redirect: ${answer.status} ${await answer.text()}`);
        to = new URL(answer.headers.get('location'), to).href;
    }
    return new URL(to).searchParams;
}

class Login {
    asked = [];
    redirectUrl = CALLBACK;
    clientMetadata = { client_name: 'test', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' };
    client = registered && { client_id: registered, redirect_uris: [CALLBACK] };
    clientInformation = () => this.client;
    saveClientInformation = client => void (this.client = client);
    tokens = () => this.saved;
    saveTokens = tokens => void (this.saved = tokens);
    codeVerifier = () => this.verifier;
    saveCodeVerifier = verifier => void (this.verifier = verifier);
    async redirectToAuthorization(to) {
        this.asked.push({ scope: to.searchParams.get('scope'), resource: to.searchParams.get('resource') });
        this.back = await follow(to.href);
    }
}

const login = new Login();
const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: login });
const pinned = { modern: { pin: '2026-07-28' }, legacy: 'legacy' }[mode];
const create = () => new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: pinned } });

// Runs a request. If it needs a login, finishes that, and runs it again.
async function loggedIn(connection, request) {
    try {
        return await request();
    } catch (error) {
        if (!(error instanceof UnauthorizedError)) throw error;
        await connection().finishAuth(login.back);
        return await request();
    }
}

let client;
let connection;
const connect = async () => {
    client = create();
    connection = transport();
    await client.connect(connection);
};
const call = (name, args) => loggedIn(() => connection, () => client.callTool({ name, arguments: args }));

await loggedIn(() => connection, connect);

const texts = result => result.content.map(block => block.text);

const results = { before: texts(await call('whoami', {})) };
if (registered) {
    results.added = !(await call('add_note', { text: 'a note' })).isError;
    results.after = texts(await call('whoami', {}));
}
await client.close();
console.log(JSON.stringify({ ...results, asked: login.asked }));
process.exit(0);
