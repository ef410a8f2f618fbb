import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';

const flag = z
  .enum(['0', '1', 'true', 'false'])
  .transform((value) => value === '1' || value === 'true');

const limit = z.coerce.number().int().min(0).default(0);

const url = (protocols: string[]) =>
  z.url().refine((value) => protocols.includes(new URL(value).protocol.slice(0, -1)), {
    message: `must start with ${protocols.map((name) => `${name}://`).join(' or ')}`,
  });

/** A key-encryption key: base64 or base64url of 32 bytes. */
const secretKey = z.string().refine((value) => /^[A-Za-z0-9+/_-]{43}=?$/.test(value), { message: 'must be 32 random bytes in base64' });

/** Every variable the service reads. `.env.example` is checked against these keys. */
export const environmentSchema = z.object({
  DATABASE_URL: url(['postgres', 'postgresql']).describe('Postgres; empty: the embedded one'),
  TRIAD_TENANT_DATABASE_URL: url(['postgres', 'postgresql']).optional().describe('The same database as the role that tenants\' work runs as, which row-level security binds; empty: DATABASE_URL\'s user + _tenant, made by the migrations'),
  REDIS_URL: url(['redis', 'rediss']).describe('Redis or Valkey; empty: the embedded one'),
  TRIAD_HOME: z.string().default('.triad').transform((path) => resolve(path)).describe('Directory of artefacts, uploads, runs and embedded data'),
  TRIAD_ENV: z.enum(['development', 'production']).default('development').describe('production: GraphQL answers neither introspection nor suggestions'),
  TRIAD_TRUSTED_DOCUMENTS: z.string().optional().describe('Manifest (JSON) of the only GraphQL documents that run; empty: all run'),
  TRIAD_HOST: z.string().default('127.0.0.1').describe('Address the API listens on'),
  TRIAD_PORT: z.coerce.number().int().min(0).max(65535).default(4000).describe('Port the API listens on'),
  TRIAD_INTERNAL_URL: z.url().default('http://127.0.0.1:4000').describe('Where a trainer reaches the API'),
  TRIAD_BOOTSTRAP_KEY: z.string().min(32).optional().describe('Platform admin API key made valid for project "default" at start; empty: the first start prints one'),
  TRIAD_OIDC_ISSUER: z.string().default('').transform((list) => list.split(',').map((each) => each.trim()).filter((each) => each !== ''))
    .refine((issuers) => issuers.every((issuer) => URL.canParse(issuer)), 'must be URLs, separated by commas')
    .describe('OIDC issuers whose bearer tokens are accepted, separated by commas; empty: API keys only'),
  TRIAD_OIDC_AUDIENCE: z.string().optional().describe('Audience that OIDC tokens must be for; needed with TRIAD_OIDC_ISSUER'),
  TRIAD_OIDC_ROLE_CLAIM: z.string().default('triad_roles').describe('Claim of OIDC tokens that lists roles, each `project:role`, or `role` for TRIAD_OIDC_PROJECT'),
  TRIAD_OIDC_PROJECT: z.string().default('default').describe('Project of roles that an OIDC token names without one'),
  TRIAD_SECRET_KEY: secretKey.describe('Key that encrypts stored secrets (32 bytes, base64)'),
  TRIAD_SECRET_KEYS_OLD: z.string().default('').transform((list) => list.split(',').map((key) => key.trim()).filter(Boolean)).pipe(z.array(secretKey)).describe('Other keys that stored secrets may still be under, comma separated; npm run secrets:rotate makes them needless'),
  TRIAD_RUNTIME_URL: z.url().describe('Inference runtime speaking vLLM\'s routes, generation'),
  TRIAD_SCORER_URL: z.url().describe('Inference runtime speaking vLLM\'s routes, reward models'),
  TRIAD_STREAM_IDLE_MS: z.coerce.number().int().positive().default(60_000).describe('Longest silence within a model\'s answer before it counts as broken off, milliseconds'),
  TRIAD_PYTHON: z.string().default('python3').describe('Python of the trainer\'s environment'),
  TRIAD_TRAINER_DIR: z.string().default('trainer').transform((path) => resolve(path)).describe('Directory of the trainer package'),
  TRIAD_WARM_TRAINER: flag.default(false).describe('1: a worker keeps one trainer process imported and waiting (about 0.6 GB)'),
  TRIAD_COMPUTE_PRICE_PER_HOUR: z.coerce.number().min(0).default(0.1).describe('Price of one hour of this machine, for cost figures of self-hosted models'),
  TRIAD_ALLOW_PRIVATE_URLS: flag.default(false).describe('1: webhooks and providers may be on loopback and private addresses (development)'),
  TRIAD_METRICS_TOKEN: z.string().min(16).optional().describe('Bearer token for /metrics; empty: open to this machine in development, and to nobody in production'),
  TRIAD_WORKER_PORT: z.coerce.number().int().min(1).max(65535).optional().describe('Port of a worker\'s health and metrics; empty: none'),
  TRIAD_MIN_FREE_BYTES: z.coerce.number().int().min(0).default(256 * 1024 * 1024).describe('Free bytes of TRIAD_HOME below which a process is not ready'),
  TRIAD_SHUTDOWN_GRACE_MS: z.coerce.number().int().min(0).default(20_000).describe('How long the API waits at its end for requests under way, milliseconds'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional().describe('OpenTelemetry collector (OTLP over HTTP) that traces go to; empty: none'),
  TRIAD_EVENTS_KEPT_DAYS: z.coerce.number().int().min(0).default(90).describe('Days after which events, their deliveries and the ids of webhooks that came in are deleted; 0: never'),
  TRIAD_LOG_LEVEL: z.enum(['error', 'warn', 'log', 'debug']).default('log').describe('Least level that is logged'),
  TRIAD_LIMIT_REQUESTS_PER_MINUTE: limit.describe('Requests per minute of a project that sets no limit of its own; 0: no limit'),
  TRIAD_LIMIT_TOKENS_PER_MINUTE: limit.describe('Tokens per minute of chat completions, likewise'),
  TRIAD_LIMIT_CONCURRENT_JOBS: limit.describe('Fine-tune jobs and evaluation runs that are queued or running, likewise'),
  TRIAD_LIMIT_STORAGE_BYTES: limit.describe('Bytes of files, data set versions and artefacts, likewise'),
  TRIAD_LIMIT_BUDGET: z.coerce.number().min(0).default(0).describe('Money per calendar month (UTC), in the currency of the configured prices, likewise'),
  TRIAD_LIMITER_TIMEOUT_MS: z.coerce.number().int().positive().default(50).describe('Longest wait for Redis of the check of limits, milliseconds; after it each process counts by itself'),
  TRIAD_CALL_LOGGING: z.enum(['off', 'metadata', 'full']).default('metadata').describe('What is kept of the calls of a project that does not say: off; metadata; full: also what was asked and answered'),
  TRIAD_CALLS_KEPT_DAYS: z.coerce.number().int().min(1).max(3650).default(30).describe('Days that calls and their feedback are kept in a project that does not say'),
  TRIAD_CALL_LOG_BODY_LIMIT: z.coerce.number().int().min(1_000).max(4_000_000).default(262_144).describe('Characters that the texts of a logged request, and those of its answer, may have together; what is longer is cut, with a mark'),
  TRIAD_CALL_LOG_BUFFER_ROWS: z.coerce.number().int().positive().default(100_000).describe('Calls that a process holds until they are in the log; more are dropped and counted'),
  TRIAD_CALL_LOG_BUFFER_BYTES: z.coerce.number().int().positive().default(128 * 1024 * 1024).describe('About how many bytes of calls a process holds, likewise'),
  TRIAD_UPLOAD_MAX_BYTES: z.coerce.number().int().positive().default(512 * 1024 * 1024).describe('Largest file that may be uploaded'),
});

export type Config = z.output<typeof environmentSchema>;

/** Raised at start-up with one line per variable that is wrong. */
export class ConfigError extends Error {}

/**
 * Reads and checks the environment: the only reader of `process.env` in the service.
 * @throws ConfigError naming every variable that is missing or malformed.
 */
export const loadConfig = (environment: NodeJS.ProcessEnv = process.env): Config => readVariables(environmentSchema, environment);

/** Some of the variables, for commands that need no others. @throws ConfigError as `loadConfig`. */
export function readVariables<T>(schema: z.ZodType<T>, environment: NodeJS.ProcessEnv = process.env): T {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  const hint = existsSync('.env.example') ? '\nSee .env.example; `npm start` sets all of them for the embedded services.' : '';
  throw new ConfigError(`The environment is not complete:\n${lines.join('\n')}${hint}`);
}

/** What is allowed and yet most likely a mistake, to be said loudly at start-up. */
export function warningsOf(config: Config): string[] {
  if (config.TRIAD_ENV !== 'production') return [];
  const warnings: string[] = [];
  if (config.TRIAD_TRUSTED_DOCUMENTS === undefined) {
    warnings.push('TRIAD_TRUSTED_DOCUMENTS is not set in production: whoever holds a key may run any GraphQL document within the limits. List the documents of your apps (docs/guides/graphql.md).');
  }
  if (config.TRIAD_ALLOW_PRIVATE_URLS) {
    warnings.push('TRIAD_ALLOW_PRIVATE_URLS is 1 in production: whoever may add a provider or a webhook can reach this machine, its networks and its cloud\'s metadata. Set it to 0 unless every key is held by an operator.');
  }
  return warnings;
}

/** Injection token of the checked configuration. */
export const CONFIG = Symbol('CONFIG');
