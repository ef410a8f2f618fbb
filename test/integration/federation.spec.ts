import { compositionHasErrors, composeServices } from '@theguild/federation-composition';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { isUnionType, parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuthService } from '../../src/auth/auth.service.js';
import { Database } from '../../src/database/database.js';
import { EntityReferences } from '../../src/graphql/entity-references.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { seedProject } from '../helpers/seed.js';

const ENTITIES = 'query ($representations: [_Any!]!) { _entities(representations: $representations) { __typename ... on Prompt { id name latestVersion versions { nodes { version labels } } } ... on ModelVersion { id kind aliases } ... on FineTuneJob { id status } } }';
const OTHER_SUBGRAPH = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key"])
  type ModelVersion @key(fields: "id") { id: ID! reviews: [Review!]! }
  type Review @key(fields: "id") { id: ID! text: String! of: ModelVersion! }
  type Query { review(id: ID!): Review }`;
/** A list of each entity type, to take an id from. */
const LISTS: Record<string, string> = {
  Prompt: 'prompts { nodes { found: id } }', Model: 'models { nodes { found: id } }', Dataset: 'datasets { nodes { found: id } }', FineTuneJob: 'fineTuneJobs { nodes { found: id } }',
  EvaluationSuite: 'evaluationSuites { nodes { found: id } }', EvaluationRun: 'evaluationRuns { nodes { found: id } }', Provider: 'providers { nodes { found: id } }', Deployment: 'deployments { nodes { found: id } }',
  Experiment: 'experiments { nodes { found: id } }',
  PromptVersion: 'prompts { nodes { versions { nodes { found: id } } } }', ModelVersion: 'models { nodes { versions { nodes { found: id } } } }', DatasetVersion: 'datasets { nodes { versions { nodes { found: id } } } }',
};

describe('as a Federation 2 subgraph the API', () => {
  let gateway: Gateway;
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    gateway = await startGateway();
    const { projectId } = await gateway.app.get(AuthService).authenticate(`Bearer ${gateway.key}`, 'test');
    await seedProject(gateway.app.get(Database).platform, gateway.home, projectId, 3);
    for (const [type, list] of Object.entries(LISTS)) ids[type] = /"found":"([^"]+)"/.exec(JSON.stringify(await gateway.graphql(`{ ${list} }`)))![1]!;
  });
  afterAll(() => gateway.stop());

  const entities = async (representations: object[], key?: string) => (await gateway.graphql(ENTITIES, { representations }, key))['_entities'];

  it('composes with a subgraph that adds to one of its types', async () => {
    const { _service: { sdl } } = await gateway.graphql('{ _service { sdl } }');
    const composed = composeServices([{ name: 'triad', url: gateway.url, typeDefs: parse(sdl) }, { name: 'reviews', url: 'http://reviews', typeDefs: parse(OTHER_SUBGRAPH) }]);
    expect(compositionHasErrors(composed) ? composed.errors : []).toEqual([]);
    expect(composed.supergraphSdl).toMatch(/type ModelVersion\s+@join__type\(graph: REVIEWS, key: "id"\)\s+@join__type\(graph: TRIAD, key: "id"\)/);
    expect(composed.publicSdl).toContain('reviews: [Review!]!');
    expect(composed.publicSdl).not.toMatch(/_entities|_service/);
  });

  it('has a look-up for every type that has a key', () => {
    const union = gateway.app.get(GraphQLSchemaHost, { strict: false }).schema.getType('_Entity');
    const types = isUnionType(union) ? union.getTypes().map((type) => type.name) : [];
    expect(types.filter((type) => !gateway.app.get(EntityReferences, { strict: false }).of(type))).toEqual([]);
    expect(types.filter((type) => !(type in LISTS))).toEqual([]);
    expect(types).toHaveLength(Object.keys(LISTS).length);
  });

  it('finds things by their keys, in order, with what hangs on them', async () => {
    expect(await entities([{ __typename: 'ModelVersion', id: ids['ModelVersion'] }, { __typename: 'Prompt', id: ids['Prompt'] }, { __typename: 'FineTuneJob', id: ids['FineTuneJob'] }])).toEqual([
      { __typename: 'ModelVersion', id: ids['ModelVersion'], kind: expect.any(String), aliases: expect.any(Array) },
      { __typename: 'Prompt', id: ids['Prompt'], name: expect.stringMatching(/^thing-/), latestVersion: 2, versions: { nodes: [{ version: 2, labels: ['latest'] }, { version: 1, labels: ['production'] }] } },
      { __typename: 'FineTuneJob', id: ids['FineTuneJob'], status: 'succeeded' },
    ]);
  });

  it('answers null for what is not there, and for what is another tenant\'s', async () => {
    const all = Object.entries(ids).map(([__typename, id]) => ({ __typename, id }));
    expect((await entities(all)).map((entity: any) => entity.__typename)).toEqual(Object.keys(ids));
    expect(await entities(all, gateway.otherKey)).toEqual(all.map(() => null));
    expect(await entities(all.map((each) => ({ ...each, id: `${each.id}x` })))).toEqual(all.map(() => null));
  });

  it.each([
    ['a type without a key', [{ __typename: 'PageInfo', id: 'x' }]],
    ['an inherited name', [{ __typename: 'constructor', id: 'x' }]],
    ['no id', [{ __typename: 'Prompt' }]],
    ['a key that is no text', [{ __typename: 'Prompt', id: { $ne: null } }]],
    ['more than there may be', Array.from({ length: 501 }, () => ({ __typename: 'Prompt', id: 'x' }))],
  ])('refuses %s', async (_, representations) => {
    await expect(entities(representations)).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('shows neither its schema nor its things without a key', async () => {
    await expect(gateway.graphql('{ _service { sdl } }', {}, 'triad_wrong')).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(entities([{ __typename: 'Prompt', id: ids['Prompt'] }], 'triad_wrong')).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});
