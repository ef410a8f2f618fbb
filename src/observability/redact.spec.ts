import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateApiKey } from '../auth/api-key.js';
import { redactSecrets } from './redact.js';

const key = generateApiKey();

describe('redacting a log line', () => {
  it.each([
    ['a key', `the key ${key} is not valid`],
    ['a header', `{"authorization":"Bearer ${key}"}`],
    ['a header without a known look', '{"headers":{"Authorization":"Basic dXNlcjprZXk="}}', 'dXNlcjprZXk='],
    ['a signing secret', 'signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    ['a provider\'s key', 'Incorrect API key provided: sk-proj-abc123DEF456.', 'abc123DEF456'],
    ['a field of a known name', '{"variables":{"input":{"apiKey":"plain-words","deep":[{"webhook_secret":"more-words"}]}}}', 'plain-words', 'more-words'],
    ['JSON within a string', JSON.stringify({ msg: JSON.stringify({ password: 'say "friend" and enter' }) }), 'friend', 'enter'],
    ['a quote within a secret', JSON.stringify({ secret: 'before"after' }), 'before', 'after'],
    ['a URL', 'connect to postgres://triad:hunter2@db:5432/triad', 'hunter2'],
    ['a query string', 'GET /v1/files?api_key=hunter2&limit=1', 'hunter2'],
    ['a JWT', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', 'c2ln'],
  ])('takes out %s', (_, line, ...secrets) => {
    const redacted = redactSecrets(line);
    for (const secret of secrets.length > 0 ? secrets : [key]) expect(redacted).not.toContain(secret);
    expect(redacted).toContain('[redacted]');
  });

  it('leaves a line of JSON as JSON, whatever the secret is', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string(), (secret, other) => {
      const redacted = JSON.parse(redactSecrets(JSON.stringify({ secret, nested: { other: `x ${JSON.stringify({ secret })}` }, after: 1 })));
      expect(redacted).toMatchObject({ secret: '[redacted]', after: 1 });
      expect(JSON.parse(redactSecrets(JSON.stringify({ level: 'info', other: [other] })))).toHaveProperty('level', 'info');
    }));
  });

  // Quadratic time would be minutes.
  it.each(['a.', 'a', 'a://', 'a://b:', '\\', 'eyJa-', '"secret" ', 'token_', 'Bearer '])('takes time linear in a long run of %j', (part) => {
    expect(redactSecrets(part.repeat(400_000 / part.length))).toContain(part.trim());
  });

  it('leaves other text as it is', () => {
    const line = '{"level":"info","msg":"triad_trainer took 12 tokens; secretary: https://example.com/a:b","tokens":12,"requestId":"req-1"}';
    expect(redactSecrets(line)).toBe(line);
  });
});
