import type pg from 'pg';
import { generateApiKey } from '../../src/auth/api-key.js';
import { AuthService } from '../../src/auth/auth.service.js';
import { type Gateway, startGateway } from './gateway.js';
import { startOpenAiFake } from './openai-fake.js';
import { connectOwner, secretsOf } from './tenant-rows.js';
import { makeWorld, servedNames, withKey, type World } from './tenant-world.js';

export const [OWN, OTHER] = ['tenanta', 'tenantb'] as const;
/** Of the two, and of things that never existed. */
export const MARKERS = [OWN, OTHER, 'tenantx'];

export interface Tenants {
  gateway: Gateway;
  owner: pg.Client;
  own: World;
  other: World;
  /** What an answer holds of the other tenant's, but for what the caller said himself. */
  leaked: (answer: string, said?: string) => string[];
  stop: () => Promise<void>;
}

/** A gateway with two tenants that have one of everything each, under different names. */
export async function startTenants(): Promise<Tenants> {
  const fake = await startOpenAiFake({ served: servedNames([OWN, OTHER]), answer: (_, { model }) => `${String(model).replace('-base', '')}-gold` });
  const runtime = fake.url.replace('/v1', '');
  const gateway = await startGateway({ env: { TRIAD_RUNTIME_URL: runtime, TRIAD_SCORER_URL: runtime } });
  // The gateway's own key may be the platform's; a tenant's is of its project only.
  const key = generateApiKey();
  await gateway.app.get(AuthService).addKey('default', `${OWN}-key`, key);
  const own = await makeWorld(withKey(gateway, key), OWN, fake.url);
  const other = await makeWorld(withKey(gateway, gateway.otherKey), OTHER, fake.url);
  const owner = await connectOwner();
  const secrets = [...await secretsOf(owner, other.ctx.projectId, OTHER)];
  const named = new RegExp(`[\\w.-]*${OTHER}[\\w.-]*`, 'g');
  return {
    gateway, owner, own, other,
    leaked: (answer, said = '') => [...secrets.filter((secret) => answer.includes(secret)), ...answer.match(named) ?? []].filter((secret) => !said.includes(secret)),
    stop: async () => {
      await owner.end();
      await gateway.stop();
      await fake.stop();
    },
  };
}
