import { GraphQLSchemaHost } from '@nestjs/graphql';
import { getNamedType, type GraphQLEnumType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProjectEntity } from '../../src/auth/auth.entity.js';
import { AuthService } from '../../src/auth/auth.service.js';
import { newId } from '../../src/common/ids.js';
import { Database } from '../../src/database/database.js';
import { WebhookEndpointEntity } from '../../src/webhooks/webhook.entity.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { seedProject } from '../helpers/seed.js';

const ROWS = 12;
/** What names a row where that is no id. */
const NAMED_BY: Record<string, string> = { exportPrompts: 'path' };
const pageOf = (list: string): string => `edges { cursor node { id${list in NAMED_BY ? `: ${NAMED_BY[list]!}` : ''} } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
/** Filters, each with the number of the seeded rows that pass it. */
const FILTERS: [list: string, filter: string, rows: number][] = [
  ['prompts', 'namePrefix: "thing-00"', 10], ['prompts', 'nameContains: "ING-01"', 2], ['prompts', 'nameContains: "%"', 0], ['prompts', 'type: text', 0],
  ['prompts', 'createdAfter: "2100-01-01T00:00:00Z"', 0], ['prompts', 'createdBefore: "2100-01-01T00:00:00Z"', ROWS],
  ['models', 'nameContains: "011"', 1], ['datasets', 'format: preference', 0], ['datasets', 'format: sft, namePrefix: "thing-01"', 2],
  ['fineTuneJobs', 'status: [succeeded, failed]', ROWS], ['fineTuneJobs', 'status: [queued]', 0], ['fineTuneJobs', 'method: sft', 0], ['fineTuneJobs', 'registerAs: "thing-003"', 1],
  ['evaluationSuites', 'sealed: true', 0], ['evaluationSuites', 'sealed: false', ROWS], ['evaluationRuns', 'status: [succeeded]', ROWS], ['evaluationRuns', 'modelVersionId: "none"', 0],
  ['deployments', 'target: "models:/thing-004"', 1], ['providers', 'namePrefix: "other"', 0],
];

describe('a list', () => {
  let gateway: Gateway;
  /** Arguments that a list does not answer without. */
  let required: Record<string, string> = {};
  let orders: { list: string; field: string; direction: string }[];

  beforeAll(async () => {
    gateway = await startGateway();
    const { projectId } = await gateway.app.get(AuthService).authenticate(`Bearer ${gateway.key}`, 'test');
    const { platform } = gateway.app.get(Database);
    await seedProject(platform, gateway.home, projectId, ROWS);
    // Two projects are there already.
    await platform.insert(ProjectEntity, Array.from({ length: ROWS - 2 }, (_, index) => ({ id: newId('proj'), name: `project-${index}` })));
    const { id } = await platform.findOneByOrFail(WebhookEndpointEntity, { projectId, url: 'https://example.com/first' });
    required = { webhookDeliveries: `endpointId: "${id}",` };
    const { schema } = gateway.app.get(GraphQLSchemaHost, { strict: false });
    orders = Object.values(schema.getQueryType()!.getFields()).filter((field) => field.args.some((argument) => argument.name === 'orderBy')).flatMap((field) => {
      const values = (schema.getType(getNamedType(field.args.find((argument) => argument.name === 'orderBy')!.type).name.concat('Field')) as GraphQLEnumType).getValues();
      return values.flatMap(({ name }) => ['asc', 'desc'].map((direction) => ({ list: field.name, field: name, direction })));
    });
  });
  afterAll(() => gateway.stop());

  const page = async (list: string, args: string) => (await gateway.graphql(`{ list: ${list}(${required[list] ?? ''} ${args}) { ${pageOf(list)} } }`))['list'];
  const ids = (answer: any): string[] => answer.edges.map((edge: any) => edge.node.id);

  it('comes whole and in one order, page by page, forwards and backwards, whatever it is sorted by', async () => {
    expect(orders.length).toBeGreaterThanOrEqual(28);
    for (const { list, field, direction } of orders) {
      const by = `orderBy: { field: ${field}, direction: ${direction} }`;
      const whole = ids(await page(list, `first: 500, ${by}`));
      expect([list, field, new Set(whole).size]).toEqual([list, field, ROWS]);
      const [forwards, backwards]: [string[], string[]] = [[], []];
      for (let after: string | null = '', more = true; more;) {
        const answer = await page(list, `first: 5, ${after && `after: "${after}",`} ${by}`);
        expect(answer.pageInfo.hasPreviousPage).toBe(after !== '');
        forwards.push(...ids(answer));
        after = answer.pageInfo.endCursor;
        more = answer.pageInfo.hasNextPage;
      }
      for (let before: string | null = '', more = true; more;) {
        const answer = await page(list, `last: 5, ${before && `before: "${before}",`} ${by}`);
        expect(answer.pageInfo.hasNextPage).toBe(before !== '');
        backwards.unshift(...ids(answer));
        before = answer.pageInfo.startCursor;
        more = answer.pageInfo.hasPreviousPage;
      }
      expect([list, field, direction, forwards, backwards]).toEqual([list, field, direction, whole, whole]);
      const opposite = ids(await page(list, `first: 500, orderBy: { field: ${field}, direction: ${direction === 'asc' ? 'desc' : 'asc'} }`));
      expect(opposite).toEqual(whole.toReversed());
    }
  });

  it('is sorted by what it says', async () => {
    const { models, evaluationRuns } = await gateway.graphql('{ models(orderBy: { field: name, direction: asc }) { nodes { name } } evaluationRuns(orderBy: { field: gold }) { nodes { gold { value } } } }');
    expect(models.nodes.map((node: any) => node.name)).toEqual(Array.from({ length: ROWS }, (_, index) => `thing-${String(index).padStart(3, '0')}`));
    const golds = evaluationRuns.nodes.map((node: any) => node.gold?.value ?? -1);
    expect(golds).toEqual(golds.toSorted((a: number, b: number) => b - a));
    expect(new Set(golds).size).toBeGreaterThan(3);
  });

  it('neither repeats nor loses a row when one is added before the next page', async () => {
    const first = await page('deployments', 'first: 6');
    await gateway.graphql('mutation { createProvider(input: { name: "p", baseUrl: "https://example.com" }) { id } createDeployment(input: { name: "new", target: "p/m" }) { id } }');
    const rest = await page('deployments', `first: 500, after: "${first.pageInfo.endCursor}"`);
    expect(new Set([...ids(first), ...ids(rest)]).size).toBe(ROWS);
  });

  it.each(FILTERS)('of %s is narrowed by { %s } to %i', async (list, filter, rows) => {
    expect(ids(await page(list, `first: 500, filter: { ${filter} }`))).toHaveLength(rows);
  });

  it('within another has its own pages', async () => {
    const versions = (args: string) => gateway.graphql(`{ prompts(first: 3) { nodes { versions(${args}) { edges { cursor node { version } } pageInfo { hasNextPage } } } } }`).then((data) => data['prompts'].nodes.map((node: any) => node.versions));
    const first = await versions('first: 1');
    expect(first.map((each: any) => [each.edges[0].node.version, each.pageInfo.hasNextPage])).toEqual([[2, true], [2, true], [2, true]]);
    expect((await versions('last: 1')).map((each: any) => each.edges[0].node.version)).toEqual([1, 1, 1]);
    const job = await gateway.graphql('{ fineTuneJobs(first: 1) { nodes { up: events { nodes { data } } down: events(orderBy: { direction: desc }) { nodes { data } } none: events(filter: { type: [log] }) { nodes { data } } } } }');
    const { up, down, none } = job['fineTuneJobs'].nodes[0];
    expect([up.nodes.map((node: any) => node.data.step), down.nodes.map((node: any) => node.data.step), none.nodes]).toEqual([[1, 2], [2, 1], []]);
  });

  it.each([
    ['a cursor of another ordering', 'orderBy: { field: name, direction: asc }'],
    ['a cursor of the other direction', 'orderBy: { field: created_at, direction: asc }'],
  ])('refuses %s', async (_, by) => {
    const { pageInfo } = await page('prompts', 'first: 2');
    await expect(page('prompts', `first: 2, after: "${pageInfo.endCursor}", ${by}`)).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('same orderBy') });
  });

  it.each(['first: 1, last: 1', 'first: 0', 'last: 501', 'after: "x"', 'before: "bnVsbA"', 'after: "WzFd"', `first: 1, after: "${Buffer.from('["gold desc","x","y"]').toString('base64url')}", orderBy: { field: gold }`])('refuses (%s)', async (args) => {
    await expect(page('evaluationRuns', args)).rejects.toMatchObject({ code: 'bad_input' });
  });
});
