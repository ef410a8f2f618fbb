/** All candidates side by side on the same sealed items; the winner is promoted, told of, and used. */
import OpenAI from 'openai';
import type { Client } from './client.js';
import { CompareEvaluationsDocument, LineageDocument, SetModelAliasDocument } from './generated/graphql.js';
import { fixed, heading, interval, say, signed, table } from './print.js';
import type { Candidate } from './prompt-leg.js';
import type { Service } from './service.js';
import { readRows, type Receiver, type Setting } from './setting.js';

const VERDICT: Record<string, string> = { gain: 'gain', loss: 'loss', no_difference_shown: 'no difference shown' };

export async function compareCandidates(client: Client, candidates: Candidate[]): Promise<Candidate> {
  heading('7. Side by side, on the same sealed items');
  const baseline = candidates.find((candidate) => candidate.name === 'SFT')!;
  const others = candidates.filter((candidate) => candidate !== baseline);
  const { compareEvaluations: compared } = await client.request(CompareEvaluationsDocument, {
    baseline: baseline.evaluation.id, runs: others.map((candidate) => candidate.evaluation.id),
  });
  table(['candidate', 'gold (95%)', 'against SFT, paired (95%)', 'verdict', 'tokens', 'train s', 'eval s', 'eval cost'], candidates.map((candidate) => {
    const { evaluation } = candidate;
    const difference = compared.find((each) => each.runId === evaluation.id);
    return [candidate.name, interval(evaluation.gold), difference ? signed(difference.difference) : '–', difference ? VERDICT[difference.verdict]! : '–',
      String(evaluation.promptTokens! + evaluation.completionTokens!), fixed(candidate.trainingSeconds, 0), fixed(evaluation.seconds, 0), `$${fixed(evaluation.cost, 4)}`];
  }));
  const shown = compared.filter((each) => each.verdict === 'gain').length;
  say(`${shown === 0 ? 'No candidate is shown to be better than SFT' : `${shown} of ${compared.length} shown to be better than SFT`} at this number of items; one training seed each. A gain or loss is claimed when the paired interval leaves out 0 and the sign test holds after Holm's correction. Cost is this machine's time at TRIAD_COMPUTE_PRICE_PER_HOUR.`);
  return candidates.filter((candidate) => candidate.deployable)
    .reduce((best, candidate) => (candidate.evaluation.gold!.value > best.evaluation.gold!.value ? candidate : best));
}

export async function deployWinner(service: Service, client: Client, setting: Setting, winner: Candidate, receiver: Receiver): Promise<void> {
  heading(`8. The winner: ${winner.name}`);
  const [, name, version] = /^models:\/(.*)\/(\d+)$/.exec(winner.model)!;
  const { setModelAlias: promoted } = await client.request(SetModelAliasDocument, { model: name!, alias: 'champion', version: Number(version) });
  const { lineage } = await client.request(LineageDocument, { type: 'model_version', id: promoted.id });
  const label = new Map(lineage.nodes.map((node) => [node.id, node.label]));
  say('Lineage (what it came from):');
  for (const edge of lineage.edges) say(`  ${label.get(edge.to)}  ← ${edge.relation.replaceAll('_', ' ')} —  ${label.get(edge.from)}`);
  const event = await receiver.waitFor('model.alias.moved');
  say(`models:/${name}@champion is version ${version} now. Webhook received, signature verified: ${event.type} (${receiver.received.length} events in all: ${[...new Set(receiver.received.map((each) => each.type))].join(', ')}).`);
  await chat(service, setting, `models:/${name}@champion`, winner.prompt);
  say('');
  say('Next: GraphQL at ' + `${service.url}/graphql, the recipe in demo/recipe.json, the client code in demo/, docs/architecture.md.`);
}

/** Through the official client, as an app would: the registered prompt is filled in by the service. */
async function chat(service: Service, setting: Setting, model: string, prompt: string): Promise<void> {
  const openai = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: service.apiKey });
  for (const { input } of readRows(setting, 'dev.jsonl', 0, 3)) {
    const stream = await openai.chat.completions.create({
      model, stream: true, temperature: 0, max_completion_tokens: setting.recipe.maxTokens, messages: [],
      ...{ prompt: { ref: prompt, variables: input } },
    });
    process.stdout.write(`  "${input.sentence}" → `);
    for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
    process.stdout.write('\n');
  }
}
