// A server of the SDK for TypeScript, with the components of `fastmcp_server.py`, and completions.

import { setTimeout } from 'node:timers/promises';
import { completable, inputRequired, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import * as z from 'zod';

const PLACES = ['Oslo', 'Rome', 'Riga'];
const starting = value => PLACES.filter(place => place.startsWith(value));
const text = text => ({ content: [{ type: 'text', text }] });

serveStdio(() => {
    const server = new McpServer({ name: 'typescript', version: '1.0.0' }, { instructions: 'Plans trips.' });

    server.registerTool(
        'add',
        {
            title: 'Addition',
            description: 'Add two numbers.',
            inputSchema: z.object({ a: z.number(), b: z.number().default(1.5) }),
            outputSchema: z.object({ total: z.number() }),
            annotations: { readOnlyHint: true },
            _meta: { 'com.example/cost': 1 },
        },
        ({ a, b }) => ({ ...text(`${a + b}`), structuredContent: { total: a + b }, _meta: { 'com.example/paid': 1 } }),
    );

    const steps = { description: 'Count, and report the progress.', inputSchema: z.object({ count: z.number().int() }) };
    server.registerTool('steps', steps, async ({ count }, ctx) => {
        const progressToken = ctx.mcpReq._meta?.progressToken;
        for (let progress = 1; progress <= count && progressToken !== undefined; progress++) {
            const params = { progressToken, progress, total: count, message: `step ${progress}` };
            await ctx.mcpReq.notify({ method: 'notifications/progress', params });
            // The client notes the progress before the result.
            await setTimeout(50);
        }
        return text(`${count} steps`);
    });

    server.registerTool('fail', { description: 'Fail.', inputSchema: z.object({}) }, () => {
        throw new Error('the train is late');
    });

    const book = { description: 'Book a trip, after a question for the day.', inputSchema: z.object({ place: z.string() }) };
    server.registerTool('book', book, ({ place }, ctx) => {
        const answer = ctx.mcpReq.inputResponses?.day;
        if (answer === undefined) {
            const day = inputRequired.elicit({
                message: `When to ${place}?`,
                requestedSchema: z.object({ value: z.string() }),
            });
            return inputRequired({ inputRequests: { day } });
        }
        return text(`${place}: ${answer.action} ${answer.content?.value ?? '-'}`);
    });

    server.registerResource('All trips', 'trips://all', { mimeType: 'text/plain' }, uri => ({
        contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'Oslo, Rome', _meta: { 'com.example/age': 3 } }],
    }));

    const template = new ResourceTemplate('trips://{place}/days', { list: undefined, complete: { place: starting } });
    server.registerResource('The days of a trip', template, { mimeType: 'application/json' }, (uri, { place }) => ({
        contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify({ place, days: [1, 2] }) }],
    }));

    const argsSchema = z.object({ place: completable(z.string(), starting), days: z.string().optional() });
    server.registerPrompt('plan', { title: 'A plan', description: 'Plan a trip.', argsSchema }, ({ place, days = '3' }) => ({
        description: `A plan for ${place}`,
        messages: [{ role: 'user', content: { type: 'text', text: `Plan ${days} days in ${place}.` } }],
    }));

    return server;
});
