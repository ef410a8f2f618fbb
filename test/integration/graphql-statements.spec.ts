import { GraphQLSchemaHost } from '@nestjs/graphql';
import {
  getNamedType, getNullableType, type GraphQLField, type GraphQLObjectType, type GraphQLSchema, isLeafType, isListType, isObjectType, isRequiredArgument,
} from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AuthService } from '../../src/auth/auth.service.js';
import { Database } from '../../src/database/database.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { seedProject } from '../helpers/seed.js';

const [FEW, MANY] = [3, 30];

/** Lists whose length the code or the caller sets, so that they are no connections. */
const SHORT_LISTS = new Set([
  'Query._entities', 'Query.compareEvaluations', 'Query.licences', 'Query.protectedPromptLabels', 'Query.renderPrompt', 'Query.webhookEventTypes', 'Artefact.files', 'AuditEntry.changes',
  'DatasetVersion.tags', 'FineTuneJob.checkpoints', 'FineTuneJob.metrics', 'ImportedPrompt.movedLabels', 'Licence.duties', 'Licence.families', 'LimitsReport.key', 'LimitsReport.project',
  'Lineage.edges', 'Lineage.nodes', 'ModelVersion.aliases', 'Prompt.labels', 'Prompt.tags', 'PromptDiff.addedTags', 'PromptDiff.config', 'PromptDiff.inputSchema', 'PromptDiff.messages',
  'PromptDiff.removedTags', 'PromptMessageChange.hunks', 'PromptUse.newest', 'PromptVersion.includes', 'PromptVersion.labels', 'PromptVersion.messages', 'PromptVersion.tags', 'PromptVersion.use', 'PromptVersion.variables',
  'Provider.headers', 'Provider.prices', 'ProviderTest.models',
  'Query.callStats', 'CallLoggingSettings.builtIn', 'CallLoggingSettings.redactions', 'DatasetFromCallsResult.leftOut', 'Experiment.arms', 'Experiment.guards', 'ExperimentArmResult.metrics',
  'ExperimentResults.arms', 'ExperimentResults.comparisons', 'ExperimentResults.guards', 'RetryPolicy.alsoOn', 'RewardReport.slices', 'RoutingPolicy.arms', 'RoutingPolicy.fallbacks',
  'WebhookDelivery.attempts', 'WebhookEndpoint.eventTypes',
]);
/** Arguments of fields that do not answer without; `$endpoint` is the seeded one. */
const ARGUMENTS: Record<string, string> = { 'FineTuneJob.metrics': '(name: "loss")', 'Query.webhookDeliveries': '(first: 50, endpointId: $endpoint)' };
/** Of the platform, so that no project's key lists it. */
const PLATFORM_LISTS = new Set(['projects']);
/** What is read for the request, whatever it asks, and remembered for a while: the key, its use, and its limits. */
const OF_THE_REQUEST = /FROM api_keys WHERE hash = \$1|UPDATE api_keys SET last_used_at|project\.limits AS project/;
const isConnection = (field: GraphQLField<unknown, unknown>) => getNamedType(field.type).name.endsWith('Connection');

/** A field of a type, and a document that asks it of every row of a list. */
interface Asked {
  field: string;
  document: string;
}

/** Every field of every type that a list leads to, each by the shortest way from a list. */
function fieldsOfLists(schema: GraphQLSchema): Asked[] {
  const ways = new Map<string, (inner: string) => string>();
  const queue: GraphQLObjectType[] = [];
  const reach = (type: GraphQLObjectType, way: (inner: string) => string) => {
    if (ways.has(type.name)) return;
    ways.set(type.name, way);
    queue.push(type);
  };
  for (const field of Object.values(schema.getQueryType()!.getFields()).filter((each) => isConnection(each) && !PLATFORM_LISTS.has(each.name))) {
    reach(nodeOf(field), (inner) => `{ list: ${field.name}${ARGUMENTS[`Query.${field.name}`] ?? '(first: 50)'} { nodes { ${inner} } } }`);
  }
  const asked: Asked[] = [];
  for (let type = queue.shift(); type; type = queue.shift()) {
    const way = ways.get(type.name)!;
    for (const field of Object.values(type.getFields())) {
      const target = getNamedType(field.type);
      const [open, close] = isConnection(field) ? ['(first: 2) { nodes {', '} }'] : isLeafType(target) ? ['', ''] : ['{', '}'];
      const call = `${field.name}${ARGUMENTS[`${type.name}.${field.name}`] ?? ''}`;
      asked.push({ field: `${type.name}.${field.name}`, document: way(isLeafType(target) ? call : `${call} ${open} __typename ${close}`) });
      const next = isConnection(field) ? nodeOf(field) : target;
      if (isObjectType(next)) reach(next, (inner) => way(`${call} ${open} ${inner} ${close}`));
    }
  }
  return asked;
}

const textOf = (query: unknown): string => (typeof query === 'string' ? query : String((query as { text?: string }).text));
const nodeOf = (connection: GraphQLField<unknown, unknown>) => getNamedType((getNamedType(connection.type) as GraphQLObjectType).getFields()['nodes']!.type) as GraphQLObjectType;

describe('SQL statements of a list', () => {
  let gateway: Gateway;
  let schema: GraphQLSchema;
  const endpoints: Record<string, string> = {};
  const statements = vi.spyOn(pg.Client.prototype, 'query');

  beforeAll(async () => {
    gateway = await startGateway();
    schema = gateway.app.get(GraphQLSchemaHost, { strict: false }).schema;
    for (const [key, count] of [[gateway.key, FEW], [gateway.otherKey, MANY]] as const) {
      const { projectId } = await gateway.app.get(AuthService).authenticate(`Bearer ${key}`, 'test');
      await seedProject(gateway.app.get(Database).platform, gateway.home, projectId, count);
      const { webhookEndpoints } = await gateway.graphql('{ webhookEndpoints(first: 100) { nodes { id url } } }', {}, key);
      endpoints[key] = webhookEndpoints.nodes.find((endpoint: { url: string }) => endpoint.url.endsWith('/first')).id;
    }
  });
  afterAll(() => gateway.stop());

  /** Statements of a document, and the rows of its list. */
  const count = async (document: string, key: string): Promise<{ statements: string[]; rows: number }> => {
    const [query, variables] = document.includes('$endpoint') ? [`query ($endpoint: ID!) ${document}`, { endpoint: endpoints[key] }] : [document, {}];
    const before = statements.mock.calls.length;
    const rows = (await gateway.graphql(query, variables, key))['list'].nodes.length;
    return { statements: statements.mock.calls.slice(before).map(([query]) => textOf(query)).filter((text) => !OF_THE_REQUEST.test(text)), rows };
  };
  /** Null when there are as many; other work in the process may add to them, but not each time. */
  const growth = async ({ field, document }: Asked): Promise<object | null> => {
    let seen = null;
    for (let time = 0; time < 3; time++) {
      const [few, many] = [await count(document, gateway.key), await count(document, gateway.otherKey)];
      expect([field, few.rows, many.rows]).toEqual([field, FEW, MANY]);
      if (few.statements.length === many.statements.length) return null;
      seen = { field, few: few.statements, many: many.statements };
    }
    return seen;
  };

  it('are as many for thirty rows as for three, whatever field is asked of each', async () => {
    const found = fieldsOfLists(schema);
    expect(found.length).toBeGreaterThan(100);
    const grown: object[] = [];
    for (const asked of found) {
      const more = await growth(asked);
      if (more) grown.push(more);
    }
    expect(grown).toEqual([]);
  });

  it('are counted: a list costs at least one', async () => {
    expect((await count('{ list: prompts { nodes { versions { nodes { labels } } } } }', gateway.key)).statements.length).toBeGreaterThanOrEqual(4);
  });

  it('can be asked of every field without further arguments, or with those written here', () => {
    const lacking = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type)).flatMap((type) => Object.values(type.getFields())
      .filter((field) => (isConnection(field) || type.name !== 'Query') && !['Mutation', 'Subscription'].includes(type.name))
      .filter((field) => field.args.some(isRequiredArgument) && !(`${type.name}.${field.name}` in ARGUMENTS)).map((field) => `${type.name}.${field.name}`));
    expect(lacking).toEqual([]);
  });

  it('grow with no list that is not a connection', () => {
    const plain = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type)).flatMap((type) => Object.values(type.getFields())
      .filter((field) => isListType(getNullableType(field.type)) && !/Connection$|^Mutation$|^__/.test(type.name)).map((field) => `${type.name}.${field.name}`));
    expect(plain.filter((field) => !SHORT_LISTS.has(field))).toEqual([]);
  });

  it('of every connection that is a query offer a filter and an order, and go both ways', () => {
    for (const field of Object.values(schema.getQueryType()!.getFields()).filter(isConnection)) {
      expect([field.name, field.args.map((argument) => argument.name)]).toEqual([field.name, expect.arrayContaining(['after', 'before', 'filter', 'first', 'last', 'orderBy'])]);
    }
  });
});
