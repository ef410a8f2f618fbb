import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coordinatesOf } from '../helpers/schema-operations.js';
import { type Attack, ATTACKS, firstMessage, PAGED, READABLE, READINGS, runOperation, SCHEMA } from '../helpers/tenant-attacks.js';
import { isCommon, NAMELESS, PLACES, PLATFORM, PUBLIC } from '../helpers/tenant-places.js';
import { checksums, normalise, twin } from '../helpers/tenant-rows.js';
import { idempotencyKey, type World } from '../helpers/tenant-world.js';
import { MARKERS, OTHER, startTenants, type Tenants } from '../helpers/tenants.js';

/** What tells again what its reader said before: in the audit trail, in calls and their feedback, and as a name that the other has taken as well. */
const TELLING = /^Query\.(auditEntries|call|calls|callFeedback|prompt)$|^Mutation\.setPromptLabels$|^Prompt\.versions$/;

describe('#23 a tenant with another\'s ids sees what it sees with ids of nothing: GraphQL', () => {
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

  it.each(READINGS.map(({ field, of: reading }) => [field, reading] as const))('%s shows each tenant its own, and nothing of the other', async (field, reading) => {
    const [mine, theirs] = [await runOperation(reading(own).operation, own.as), await runOperation(reading(other).operation, other.as)];
    if (PLATFORM.has(field)) {
      for (const { body } of [mine, theirs]) expect(body).toContain('"forbidden"');
      return;
    }
    expect(mine.body).not.toContain('"errors"');
    expect(leaked(mine.body)).toEqual([]);
    if (field.startsWith('Query.') && !PUBLIC.has(field) && !NAMELESS.has(field)) expect(leaked(theirs.body), 'it shows something that can be told apart').not.toEqual([]);
  });

  it('reads every field there is', () => {
    const reached = new Set(READINGS.flatMap(({ of: reading }) => [...reading(own).reached]));
    expect(READABLE.filter((each) => !reached.has(each))).toEqual([]);
  });

  it.each(PAGED.filter(({ field }) => !PLATFORM.has(field)).map(({ title, operation }) => [title, operation] as const))('%s of the other\'s', async (title, operation) => {
    const { body } = await runOperation(operation(other, null), other.as);
    const cursor = /"cursor":"([^"]+)"/.exec(body)?.[1];
    expect(cursor, `${title}: the other tenant has an edge: ${body}`).toBeDefined();
    const said = operation(own, cursor!);
    const answer = await runOperation(said, own.as);
    expect(leaked(answer.body, JSON.stringify(said.variables))).toEqual([]);
    const unknown = await runOperation(operation(own, twin(cursor!, OTHER)), own.as);
    expect(normalise(answer.body, MARKERS)).toBe(normalise(unknown.body.replaceAll(twin(cursor!, OTHER), cursor!), MARKERS));
  });

  it.each(of('reference'))('%s', (_, each) => attack(each));

  it.each(of('fresh'))('%s, a name that the other has taken', (_, each) => attack(each));

  it.each(of('reference'))('%s: one\'s own is told from nothing', async (_, each) => {
    const operation = each.operation(own, own);
    const mine = await run(each, operation, TELLING.test(each.field) ? saidEver : undefined);
    if (PLATFORM.has(each.field)) expect(mine).toContain('forbidden');
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
