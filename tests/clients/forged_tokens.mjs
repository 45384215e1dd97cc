// An authorization server that signs whatever it is asked to sign: forged_tokens.mjs RESOURCE COUNT
// It prints one line of JSON: the issuer, tokens by name, of which only `good` is valid, and valid tokens of COUNT users. It
// serves its keys until its standard input ends.

import crypto from 'node:crypto';
import { OAuth2Server } from 'oauth2-mock-server';

const [resource, count] = process.argv.slice(2);
const server = new OAuth2Server();
await server.issuer.keys.generate('RS256');
await server.start(0, '127.0.0.1');
server.issuer.url = `http://127.0.0.1:${server.address().port}`;

const now = Math.floor(Date.now() / 1000);
const claims = { iss: server.issuer.url, aud: resource, sub: 'alice', iat: now, exp: now + 600, scope: 'tools:read' };

async function token(changes = {}, header = {}) {
    return server.issuer.buildToken({
        scopesOrTransform: (head, payload) => {
            Object.assign(head, header);
            for (const name of Object.keys(payload)) delete payload[name];
            for (const [name, value] of Object.entries({ ...claims, ...changes })) {
                if (value !== undefined) payload[name] = value;
            }
        },
    });
}

const encoded = value => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const jwk = server.issuer.keys.toJSON()[0];
const pem = crypto.createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });

function unsigned(algorithm) {
    return `${encoded({ alg: algorithm, kid: jwk.kid, typ: 'JWT' })}.${encoded(claims)}.`;
}

// A token that is signed with a secret that everybody knows: the public key.
function hmac(algorithm, secret) {
    const message = `${encoded({ alg: algorithm, kid: jwk.kid, typ: 'JWT' })}.${encoded(claims)}`;
    const hash = crypto.createHmac(algorithm.replace('HS', 'sha'), secret).update(message).digest('base64url');
    return `${message}.${hash}`;
}

// A token that is signed with the attacker's key, and says where to find it.
const attacker = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const attackerJwk = { ...attacker.publicKey.export({ format: 'jwk' }), kid: 'attacker' };
function attack(header) {
    const message = `${encoded({ alg: 'RS256', kid: jwk.kid, typ: 'JWT', ...header })}.${encoded(claims)}`;
    return `${message}.${crypto.sign('sha256', Buffer.from(message), attacker.privateKey).toString('base64url')}`;
}

const good = await token();
const [head, payload, signature] = good.split('.');
const url = `${server.issuer.url}/attacker.json`;
const tokens = {
    good,
    'wrong audience': await token({ aud: 'https://other.example/mcp' }),
    'audience with a slash': await token({ aud: `${resource}/` }),
    'no audience': await token({ aud: undefined }),
    'wrong issuer': await token({ iss: 'https://other.example' }),
    'issuer with a slash': await token({ iss: `${server.issuer.url}/` }),
    'no issuer': await token({ iss: undefined }),
    expired: await token({ exp: now - 60 }),
    'no expiry': await token({ exp: undefined }),
    'expiry as text': await token({ exp: String(now + 600) }),
    'not valid yet': await token({ nbf: now + 120 }),
    'issued in the future': await token({ iat: now + 120 }),
    'no subject': await token({ sub: undefined }),
    'ID token': await token({ at_hash: 'x' }),
    'other type': await token({}, { typ: 'oauth-id-jag+jwt' }),
    none: unsigned('none'),
    None: unsigned('None'),
    'HS256 with the PEM': hmac('HS256', pem),
    'HS512 with the PEM': hmac('HS512', pem),
    'HS256 with the JWK': hmac('HS256', JSON.stringify(jwk)),
    'HS256 with the modulus': hmac('HS256', Buffer.from(jwk.n, 'base64url')),
    'HS256 without a secret': hmac('HS256', ''),
    'unknown kid': await token({}, { kid: 'unknown' }),
    'kid with a path': await token({}, { kid: '../../../../dev/null' }),
    'kid with SQL': await token({}, { kid: "x' UNION SELECT 'key" }),
    'kid with a URL': await token({}, { kid: url }),
    'no kid, other key': attack({ kid: undefined }),
    'other key': attack({}),
    'own jwk': attack({ jwk: attackerJwk }),
    'own jwk and kid': attack({ jwk: attackerJwk, kid: 'attacker' }),
    'critical extension': attack({ crit: ['exp'] }),
    'own jku': attack({ jku: url }),
    'own x5u': attack({ x5u: url }),
    'changed payload': `${head}.${encoded({ ...claims, sub: 'mallory' })}.${signature}`,
    'changed algorithm': `${encoded({ alg: 'RS384', kid: jwk.kid, typ: 'JWT' })}.${payload}.${signature}`,
    'no signature': `${head}.${payload}.`,
    'two parts': `${head}.${payload}`,
    'four parts': `${good}.${signature}`,
    garbage: 'garbage',
};
await server.issuer.keys.generate('ES256');
const fast = server.issuer.keys.toJSON(true).find(key => key.kty === 'EC');
const key = crypto.createPrivateKey({ key: fast, format: 'jwk' });
const users = Array.from({ length: Number(count) }, (_, index) => {
    const user = { ...claims, sub: `user-${index}`, email: `user-${index}@example.com`, jti: crypto.randomUUID() };
    const message = `${encoded({ alg: 'ES256', kid: fast.kid, typ: 'at+jwt' })}.${encoded(user)}`;
    const signature = crypto.sign('sha256', Buffer.from(message), { key, dsaEncoding: 'ieee-p1363' });
    return `${message}.${signature.toString('base64url')}`;
});
console.log(JSON.stringify({ issuer: server.issuer.url, tokens, users }));
process.stdin.resume().on('end', () => server.stop());
