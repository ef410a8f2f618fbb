import { buildSchema, type GraphQLArgument, type GraphQLField, type GraphQLInputField, type GraphQLInputType, getNamedType, isEnumType, isInputObjectType, isLeafType, isListType, isNonNullType } from 'graphql';
import { createClient } from 'graphql-ws';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ROLES } from '../../src/common/request-context.js';
import { type Gateway, GraphqlFailure, startGateway } from '../helpers/gateway.js';

/** The least that may call it; each role may also do what those before it may. */
const CALLERS = [...ROLES, 'platform'] as const;
type Caller = (typeof CALLERS)[number];

const MUTATIONS: Record<string, Caller> = {
  scoreAnswers: 'viewer',
  addCallFeedback: 'annotator',
  archivePrompt: 'editor',
  cancelEvaluation: 'editor',
  cancelFineTuneJob: 'editor',
  createDatasetFromCalls: 'editor',
  createDatasetFromEvaluation: 'editor',
  createDatasetVersion: 'editor',
  createExperiment: 'editor',
  createEvaluationSuite: 'editor',
  createFineTuneJob: 'editor',
  createPromptVersion: 'editor',
  importPrompts: 'editor',
  registerBaseModel: 'editor',
  removePromptLabels: 'editor',
  setPromptLabels: 'editor',
  startEvaluation: 'editor',
  unarchivePrompt: 'editor',
  updatePrompt: 'editor',
  createDeployment: 'deployer',
  deleteDeployment: 'deployer',
  setDeploymentWeights: 'deployer',
  updateDeployment: 'deployer',
  reshareExperiment: 'deployer',
  startExperiment: 'deployer',
  stopExperiment: 'deployer',
  setModelAlias: 'deployer',
  createApiKey: 'admin',
  createProvider: 'admin',
  createInboundWebhook: 'admin',
  createWebhookEndpoint: 'admin',
  deleteInboundWebhook: 'admin',
  deleteProvider: 'admin',
  deleteWebhookEndpoint: 'admin',
  disableWebhookEndpoint: 'admin',
  enableWebhookEndpoint: 'admin',
  redeliverWebhook: 'admin',
  replayWebhooks: 'admin',
  revokeApiKey: 'admin',
  rotateApiKey: 'admin',
  rotateInboundWebhookSecret: 'admin',
  rotateProviderKey: 'admin',
  rotateWebhookSecret: 'admin',
  sendTestWebhook: 'admin',
  setApiKeyLimits: 'admin',
  setCallLogging: 'admin',
  setProtectedPromptLabels: 'admin',
  testProvider: 'admin',
  updateProvider: 'admin',
  updateWebhookEndpoint: 'admin',
  createProject: 'platform',
  renameProject: 'platform',
  setProjectLimits: 'platform',
};

/** Queries that not every viewer may run. */
const QUERIES: Record<string, Caller> = { apiKeys: 'admin', auditEntries: 'admin', projects: 'platform' };

/** REST routes that change or compute something. */
const ROUTES: Record<string, Caller> = {
  'post /v1/chat/completions': 'viewer',
  'post /v1/completions': 'viewer',
  'post /v1/embeddings': 'viewer',
  'post /v1/images/generations': 'viewer',
  'post /v1/messages': 'viewer',
  'post /v1/feedback': 'annotator',
  'post /v1/files': 'editor',
  'delete /v1/files/{id}': 'editor',
  'post /v1/prompts': 'editor',
  'post /v1/hooks/{provider}/{id}': 'viewer', // a signature stands in for a key
};

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));
const routes = Object.entries((JSON.parse(readFileSync('openapi.json', 'utf8')) as { paths: Record<string, object> }).paths)
  .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
const reads = (route: string) => route.startsWith('get ');

const required = (fields: readonly (GraphQLArgument | GraphQLInputField)[]) => fields.filter(({ type, defaultValue }) => isNonNullType(type) && defaultValue === undefined);

/** Some value of a type, in GraphQL's notation: enough for a call to get as far as its resolver. */
function valueOf(type: GraphQLInputType): string {
  if (isNonNullType(type)) return valueOf(type.ofType);
  if (isListType(type)) return '[]';
  if (isEnumType(type)) return type.getValues()[0]!.name;
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    return `{ ${(type.isOneOf ? fields.slice(0, 1) : required(fields)).map((field) => `${field.name}: ${valueOf(field.type)}`).join(', ')} }`;
  }
  return { Int: '1', Float: '1', Boolean: 'true', DateTime: '"2030-01-01T00:00:00Z"', JSONObject: '{}', JSON: '{}' }[type.name] ?? '"none"';
}

function callOf(field: GraphQLField<unknown, unknown>): string {
  const given = required(field.args).map((argument) => `${argument.name}: ${valueOf(argument.type)}`);
  return `${field.name}${given.length > 0 ? `(${given.join(', ')})` : ''}${isLeafType(getNamedType(field.type)) ? '' : ' { __typename }'}`;
}

describe('roles', () => {
  let gateway: Gateway;
  const keys = {} as Record<Caller, string>;
  beforeAll(async () => {
    gateway = await startGateway();
    const made = (await gateway.graphql('mutation { createProject(name: "roles") { secret } }'))['createProject'].secret as string;
    for (const role of ROLES) {
      keys[role] = (await gateway.graphql('mutation ($role: Role!) { createApiKey(name: "of a role", role: $role) { secret } }', { role }, made))['createApiKey'].secret;
    }
    keys.platform = gateway.key;
  });
  afterAll(() => gateway.stop());

  /** The callers that are not turned away; what else comes of the call does not matter here. */
  async function allowed(call: (key: string) => Promise<string | undefined>): Promise<Caller[]> {
    const codes = await Promise.all(CALLERS.map(async (caller) => [caller, await call(keys[caller])] as const));
    return codes.filter(([, code]) => code !== 'forbidden').map(([caller]) => caller);
  }
  const from = (least: Caller) => CALLERS.slice(CALLERS.indexOf(least));
  const codeOf = (operation: string) => (key: string) => gateway.graphql(operation, {}, key)
    .then(() => undefined, (error: unknown) => (error instanceof GraphqlFailure ? error.code : Promise.reject(error as Error)));

  it('says of each mutation and changing route who may call it', () => {
    expect(Object.keys(MUTATIONS).sort()).toEqual(Object.keys(schema.getMutationType()!.getFields()).sort());
    expect(Object.keys(ROUTES).sort()).toEqual(routes.filter((route) => !reads(route)).sort());
  });

  it.each(Object.entries(MUTATIONS))('%s is for %s and above', async (name, least) => {
    const operation = `mutation { ${callOf(schema.getMutationType()!.getFields()[name]!)} }`;
    expect(await allowed(codeOf(operation))).toEqual(from(least));
  });

  it.each(Object.values(schema.getQueryType()!.getFields()).filter(({ name }) => !name.startsWith('_')).map((field) => [field.name, QUERIES[field.name] ?? 'viewer', field] as const))(
    'query %s is for %s and above', async (_, least, field) => {
      expect(await allowed(codeOf(`{ ${callOf(field)} }`))).toEqual(from(least));
    });

  it.each(routes)('%s is for its role and above', async (route) => {
    const [method, path] = route.split(' ') as [string, string];
    const may = await allowed(async (key) => {
      const response = await fetch(`${gateway.url}${path.replace(/\{\w+\}/g, 'none')}`, { method: method.toUpperCase(), headers: { authorization: `Bearer ${key}` } });
      const text = await response.text();
      return response.ok ? undefined : (JSON.parse(text) as { error?: { code: string } }).error?.code;
    });
    expect(may).toEqual(from(ROUTES[route] ?? 'viewer'));
  });

  it('lets a viewer subscribe', async () => {
    const client = createClient({ url: `${gateway.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { Authorization: `Bearer ${keys.viewer}` }, retryAttempts: 0 });
    const { value } = await client.iterate({ query: 'subscription { fineTuneJobEvents(id: "none") { type } }' }).next() as IteratorYieldResult<{ errors?: { extensions?: { code?: string } }[] }>;
    expect(value.errors?.[0]?.extensions?.code).toBe('not_found');
    await client.dispose();
  });

  it('says which role is needed and which the caller has', async () => {
    const move = 'mutation { setModelAlias(model: "m", alias: "champion", version: 1) { id } }';
    await expect(gateway.graphql(move, {}, keys.editor)).rejects.toMatchObject({ code: 'forbidden', message: expect.stringContaining('needs the role deployer; the caller has the role editor') });
    const response = await fetch(`${gateway.url}/v1/files/none`, { method: 'DELETE', headers: { authorization: `Bearer ${keys.annotator}` } });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: 'forbidden', type: 'permission_error' } });
  });

  it('refuses each field of an operation by itself', async () => {
    const operation = 'mutation { createPromptVersion(input: { name: "p", messages: [{ role: user, content: "x" }] }) { version } createApiKey(name: "x", role: viewer) { secret } }';
    await expect(gateway.graphql(operation, {}, keys.editor)).rejects.toMatchObject({ errors: [{ path: ['createApiKey'], extensions: { code: 'forbidden' } }] });
    const { apiKeys } = await gateway.graphql('{ apiKeys { nodes { name } } }', {}, keys.admin);
    expect(apiKeys.nodes).not.toContainEqual({ name: 'x' });
  });
});
