import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coordinatesOf, fieldsOf, readable } from '../helpers/schema-operations.js';
import { type Attack, ATTACKS, firstMessage, PAGED, reading, runOperation, SCHEMA } from '../helpers/tenant-attacks.js';
import { isCommon, NAMELESS, PLACES, PLATFORM, PUBLIC } from '../helpers/tenant-places.js';
import { checksums, normalise, twin } from '../helpers/tenant-rows.js';
import { idempotencyKey, type World } from '../helpers/tenant-world.js';
import { MARKERS, OTHER, startTenants, type Tenants } from '../helpers/tenants.js';

describe('a tenant with another\'s ids sees what it sees with ids of nothing: GraphQL', () => {
  let tenants: Tenants;
  let own: World;
  let other: World;
  let owner: pg.Client;
  let leaked: Tenants['leaked'];
  /** Title of an attack → what it was answered. */
  const answers = new Map<string, string>();

  beforeAll(async () => {
    tenants = await startTenants();
    ({ own, other, owner, leaked } = tenants);
  });
  afterAll(() => tenants.stop());

  /** All that the caller ever said, which the audit trail tells again. */
  let saidEver = '';
  const run = async ({ kind }: Attack, operation: ReturnType<Attack['operation']>, said = JSON.stringify(operation.variables)) => {
    saidEver += JSON.stringify(operation.variables);
    const answer = kind === 'Subscription' ? await firstMessage(operation, own.as) : JSON.stringify(await runOperation(operation, own.as));
    expect(answer, 'the operation must be valid, and not fail by a fault of ours').not.toMatch(/GRAPHQL_VALIDATION_FAILED|GRAPHQL_PARSE_FAILED|code\W+internal/);
    expect(leaked(answer, said)).toEqual([]);
    return normalise(answer, MARKERS);
  };
  const attack = async (each: Attack) => {
    const before = await checksums(owner, other.ctx.projectId);
    const theirs = await run(each, each.operation(own, other));
    expect(theirs).toBe(await run(each, each.operation(own, other, (value) => twin(value, OTHER))));
    expect(await checksums(owner, other.ctx.projectId)).toEqual(before);
    answers.set(each.title, theirs);
  };
  const of = (place: Attack['place']) => ATTACKS.filter((each) => each.place === place).map((each) => [each.title, each] as const);

  it('knows of each value that the schema takes what it may name', () => {
    const coordinates = coordinatesOf(SCHEMA);
    const missing = coordinates.filter((each) => !(each in PLACES) && !isCommon(each));
    expect(missing, 'Say in test/helpers/tenant-places.ts what these may name').toEqual([]);
    expect(Object.keys(PLACES).filter((each) => !coordinates.includes(each)), 'These are no longer in the schema; remove them from test/helpers/tenant-places.ts').toEqual([]);
  });

  it('shows each tenant its own in every field, and nothing of the other', async () => {
    const reached = new Set<string>();
    for (const field of fieldsOf(SCHEMA, 'Query')) {
      const mine = reading(field, own);
      mine.reached.forEach((each) => reached.add(each));
      const [answer, theirs] = [await runOperation(mine.operation, own.as), await runOperation(reading(field, other).operation, other.as)];
      expect(answer.body.includes('"forbidden"') && theirs.body.includes('"forbidden"'), field.name).toBe(PLATFORM.has(`Query.${field.name}`));
      if (PLATFORM.has(`Query.${field.name}`)) continue;
      expect(answer.body, field.name).not.toContain('"errors"');
      expect({ field: field.name, leaked: leaked(answer.body) }).toEqual({ field: field.name, leaked: [] });
      if (!PUBLIC.has(`Query.${field.name}`) && !NAMELESS.has(`Query.${field.name}`)) expect(leaked(theirs.body), `${field.name} shows nothing that could be told apart`).not.toEqual([]);
    }
    expect(readable(SCHEMA).filter((each) => !reached.has(each)), 'no query of the enumeration reaches these; raise its depth').toEqual([]);
  });

  it.each(PAGED.filter(({ title }) => !PLATFORM.has(title)).map(({ title, operation }) => [title, operation] as const))('%s after a cursor of the other\'s', async (title, operation) => {
    const { body } = await runOperation(operation(other, null), other.as);
    const cursor = /"cursor":"([^"]+)"/.exec(body)?.[1];
    expect(cursor, `${title} of the other tenant has an edge: ${body}`).toBeDefined();
    const said = operation(own, cursor!);
    const answer = await runOperation(said, own.as);
    expect(leaked(answer.body, JSON.stringify(said.variables))).toEqual([]);
    expect(answer.body).toBe((await runOperation(operation(own, twin(cursor!, OTHER)), own.as)).body.replaceAll(twin(cursor!, OTHER), cursor!));
  });

  it.each(of('reference'))('%s', (_, each) => attack(each));

  it.each(of('fresh'))('%s, a name that the other has taken', (_, each) => attack(each));

  it.each(of('reference'))('%s: one\'s own is told from nothing', async (_, each) => {
    const mine = await run(each, each.operation(own, own), saidEver);
    if (PLATFORM.has(`${each.kind}.${each.field.name}`)) expect(mine).toContain('forbidden');
    else expect(mine).not.toBe(answers.get(each.title));
  });

  it('does not meet the commands of another under the idempotency key that he used', async () => {
    const move = (world: World) => world.as.graphql('mutation ($model: String!, $key: String!) { setModelAlias(model: $model, alias: "met", version: 1, idempotencyKey: $key) { id } }',
      { model: `${world.marker}-base`, key: idempotencyKey(OTHER) });
    await expect(move(other)).rejects.toMatchObject({ code: 'idempotency_mismatch' });
    const mine = await move(own);
    expect(leaked(JSON.stringify(mine))).toEqual([]);
    expect(await move(own)).toEqual(mine);
  });
});
