import type { Service } from '../../demo/service.js';

/** Runs one operation as the first admin. @throws Error with what GraphQL says. */
export async function graphql(service: Service, query: string): Promise<Record<string, any>> {
  const answer = await fetch(`${service.url}/graphql`, {
    method: 'POST', headers: { authorization: `Bearer ${service.apiKey}`, 'content-type': 'application/json' }, body: JSON.stringify({ query }),
  });
  const { data, errors } = await answer.json() as { data: Record<string, any>; errors?: unknown };
  if (errors) throw new Error(`${query}: ${JSON.stringify(errors)}`);
  return data;
}
