import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

/** An OIDC issuer as far as a resource server sees one: discovery, keys, and the tokens it signs. */
export interface OidcIssuer {
  url: string;
  /** Replaces the keys by one new pair. */
  rotate(algorithm: 'RS256' | 'ES256'): Promise<void>;
  /** A token of the newest key, good for five minutes for the audience `triad`, unless the claims say otherwise. */
  sign(claims: JWTPayload): Promise<string>;
  /** The public key, which anyone may know. */
  publicKey(): string;
  /** Requests of the discovery document so far. */
  discoveries(): number;
  /** Answers 500 to everything while true. */
  broken: boolean;
  stop(): Promise<void>;
}

export async function startOidcIssuer(): Promise<OidcIssuer> {
  let pair: KeyPair;
  let algorithm = 'RS256';
  let kid = 0;
  let discoveries = 0;
  let jwk: JWK;
  const server = createServer((request, response) => {
    if (request.url === '/realm/.well-known/openid-configuration') discoveries += 1;
    const body = request.url === '/realm/.well-known/openid-configuration' ? { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }
      : request.url === '/realm/keys' ? { keys: [{ ...jwk, kid: String(kid), alg: algorithm, use: 'sig' }] } : null;
    response.writeHead(issuer.broken ? 500 : body ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const issuer: OidcIssuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/realm`,
    broken: false,
    rotate: async (next) => {
      algorithm = next;
      kid += 1;
      pair = await generateKeyPair(next, { extractable: true });
      jwk = await exportJWK(pair.publicKey);
    },
    sign: (claims) => {
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss: issuer.url, aud: 'triad', sub: 'u1', iat: now, exp: now + 300, ...claims }).setProtectedHeader({ alg: algorithm, kid: String(kid) }).sign(pair.privateKey);
    },
    publicKey: () => JSON.stringify(jwk),
    discoveries: () => discoveries,
    stop: () => {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
  await issuer.rotate('RS256');
  return issuer;
}
