import type { Gateway } from './gateway.js';

export const CREATE_PROMPT = 'mutation ($input: CreatePromptVersionInput!, $key: String) { createPromptVersion(input: $input, idempotencyKey: $key) { id version createdAt labels } }';
export const prompt = (name: string, content = 'Say {{what}}') => ({ name, messages: [{ role: 'user', content }] });

/** A GraphQL request whose answer's headers matter. */
export async function post(gateway: Gateway, body: object, headers: Record<string, string> = {}) {
  const response = await gateway.fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  return { response, ...(await response.json()) as { data: any; errors?: { message: string; extensions: { code: string } }[] } };
}
