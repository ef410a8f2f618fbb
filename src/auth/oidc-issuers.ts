import { Inject, Injectable, Logger } from '@nestjs/common';
import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { DomainError } from '../common/errors.js';
import { CONFIG, type Config, ConfigError } from '../config/config.js';

/** Signatures that the issuer alone can make: with a shared secret, whoever checks a token could also forge it. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const CLOCK_TOLERANCE_SECONDS = 60;
const DISCOVERY_TIMEOUT_MS = 5_000;
const DISCOVERY_KEPT_MS = 3_600_000;
/** A key that the issuer has begun to sign with is fetched at once, but not more often than this. */
const KEYS_COOLDOWN_MS = 5_000;
const KEYS_KEPT_MS = 600_000;

const away = () => new DomainError('unavailable', 'The token\'s issuer does not answer as it should, so the token cannot be checked now; try again.');

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** The trusted OIDC issuers: found by discovery when the first token comes, their keys kept and followed as they change. */
@Injectable()
export class OidcIssuers {
  private readonly logger = new Logger(OidcIssuers.name);
  private readonly keys = new LRUCache<string, JWTVerifyGetKey>({
    max: 100, ttl: DISCOVERY_KEPT_MS,
    allowStaleOnFetchRejection: true, // an issuer found before stays known while it is away
    fetchMethod: (issuer) => discover(issuer).catch((error: unknown) => { throw this.unavailable(issuer, error); }),
  });

  constructor(@Inject(CONFIG) private readonly config: Config) {
    if (config.TRIAD_OIDC_ISSUER.length > 0 && !config.TRIAD_OIDC_AUDIENCE) {
      throw new ConfigError('TRIAD_OIDC_ISSUER needs TRIAD_OIDC_AUDIENCE: the audience that says that a token is meant for this server.');
    }
  }

  /**
   * Checks signature, issuer, audience and times of a token.
   * @throws DomainError unauthenticated, which says what is wrong with it; unavailable when the issuer cannot be asked.
   */
  async verify(token: string): Promise<JWTPayload & { iss: string; sub: string }> {
    const issuer = this.trustedIssuerOf(token);
    const keys = await this.keys.fetch(issuer);
    if (!keys) throw away();
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer, audience: this.config.TRIAD_OIDC_AUDIENCE!, algorithms: ALGORITHMS, clockTolerance: CLOCK_TOLERANCE_SECONDS, requiredClaims: ['exp', 'sub'],
      });
      return { ...payload, iss: issuer, sub: payload.sub! };
    } catch (error) {
      throw refusal(error) ?? this.unavailable(issuer, error);
    }
  }

  /** Whose keys to check with; that the token is theirs is known after the check only. */
  private trustedIssuerOf(token: string): string {
    const claimed = issuerOf(token);
    if (claimed !== null && this.config.TRIAD_OIDC_ISSUER.includes(claimed)) return claimed;
    throw new DomainError('unauthenticated', this.config.TRIAD_OIDC_ISSUER.length === 0
      ? 'This server takes API keys only; an operator can set TRIAD_OIDC_ISSUER.'
      : 'The token is not of an issuer that this server trusts (TRIAD_OIDC_ISSUER).');
  }

  private unavailable(issuer: string, error: unknown): DomainError {
    this.logger.warn(`The OIDC issuer ${issuer} cannot be asked for its keys: ${String(error)}`);
    return away();
  }
}

function issuerOf(token: string): string | null {
  try {
    return decodeJwt(token).iss ?? null;
  } catch {
    return null;
  }
}

/** Finds an issuer's keys as OpenID Connect Discovery 1.0 says. */
async function discover(issuer: string): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(DISCOVERY_TIMEOUT_MS), headers: { accept: 'application/json' } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const found = discoverySchema.parse(await response.json());
  if (found.issuer !== issuer) throw new Error(`${url} speaks of the issuer ${found.issuer}; TRIAD_OIDC_ISSUER must be exactly as the issuer says.`);
  return createRemoteJWKSet(new URL(found.jwks_uri), { timeoutDuration: DISCOVERY_TIMEOUT_MS, cooldownDuration: KEYS_COOLDOWN_MS, cacheMaxAge: KEYS_KEPT_MS });
}

/** What to say of a token that was found wrong; null when it could not be checked. */
function refusal(error: unknown): DomainError | null {
  const because = (text: string) => new DomainError('unauthenticated', `The token ${text}`);
  if (error instanceof errors.JWTExpired) return because('has expired; get a new one from its issuer.');
  if (error instanceof errors.JWTClaimValidationFailed) {
    return because(error.claim === 'aud' ? 'is for another audience than this server\'s (TRIAD_OIDC_AUDIENCE).' : `is not accepted: ${error.message}.`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) {
    return because(`must be signed with a key pair of its issuer: ${ALGORITHMS.join(', ')}.`);
  }
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys || error instanceof errors.JWSSignatureVerificationFailed) {
    return because('is not signed with a key that its issuer has now.');
  }
  return error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid ? because('is not a whole, signed JWT.') : null;
}
