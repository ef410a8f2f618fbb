import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { UsageService, usageRowsDropped } from '../../src/limits/usage.service.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

describe('usage', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(() => gateway.stop());

  const written = (keyId: string) => gateway.app.get(Database).platform.query('SELECT prompt_tokens, completion_tokens, cost_micros FROM usage_months WHERE key_id = $1', [keyId]);
  const of = (keyId: string) => RequestContext.forKey('proj_usage', keyId, 'editor', 'spec');
  const used = { promptTokens: 1, completionTokens: 2, cost: 3 };

  it('is written whatever the numbers are', async () => {
    const usage = gateway.app.get(UsageService);
    usage.add(of('key_odd'), { promptTokens: 1.5, completionTokens: 1e306, cost: NaN });
    await usage.flush();
    expect(await written('key_odd')).toEqual([{ prompt_tokens: '2', completion_tokens: '1000000000', cost_micros: '0' }]);
  });

  it('of one that Postgres refuses holds up nobody else\'s', async () => {
    const usage = gateway.app.get(UsageService);
    usage.add(of('key_full'), used);
    await usage.flush();
    await gateway.app.get(Database).platform.query("UPDATE usage_months SET cost_micros = 9223372036854775807 WHERE key_id = 'key_full'");
    const dropped = async () => (await usageRowsDropped.get()).values[0]?.value ?? 0;
    const earlier = await dropped();
    usage.add(of('key_full'), used);
    usage.add(of('key_next'), used);
    await usage.flush();
    expect(await written('key_next')).toEqual([{ prompt_tokens: '1', completion_tokens: '2', cost_micros: '3000000' }]);
    expect(await dropped() - earlier).toBe(1);
  });
});
