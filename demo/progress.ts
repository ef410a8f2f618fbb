/** Starts runs and follows them on their subscriptions until they are over. */
import type { Client } from './client.js';
import {
  CreateFineTuneJobDocument, type CreateFineTuneJobInput, EvaluationProgressDocument, EvaluationRunDocument, type EvaluationRunQuery,
  FineTuneJobDocument, type FineTuneJobQuery, FineTuneProgressDocument, StartEvaluationDocument, type StartEvaluationInput,
} from './generated/graphql.js';
import { clock, fixed, interval, Progress } from './print.js';

export type Evaluation = EvaluationRunQuery['evaluationRun'];
export type Job = FineTuneJobQuery['fineTuneJob'];
/** What a metrics event holds, by name. */
export type Metrics = Record<string, number | null>;

export async function evaluate(client: Client, label: string, input: StartEvaluationInput): Promise<Evaluation> {
  const { startEvaluation: run } = await client.request(StartEvaluationDocument, { input });
  const progress = new Progress(label);
  for await (const { evaluationRunProgress: state } of client.subscribe(EvaluationProgressDocument, { id: run.id })) {
    progress.show(state.done, state.items, 'items');
  }
  const { evaluationRun: result } = await client.request(EvaluationRunDocument, { id: run.id });
  if (result.status !== 'succeeded') throw new Error(`The evaluation "${label}" ended as ${result.status}: ${result.failure?.message}`);
  progress.end(`${label}: gold ${interval(result.gold)} on ${result.items} items, ${fixed(result.seconds, 0)} s`);
  return result;
}

/** @param onMetrics sees every metrics event, and every warning of the trainer */
export async function train(client: Client, label: string, input: CreateFineTuneJobInput, on: { metrics?: (step: number, metrics: Metrics) => void; warn?: (message: string) => void } = {}): Promise<Job> {
  const { createFineTuneJob: job } = await client.request(CreateFineTuneJobDocument, { input });
  const progress = new Progress(label);
  let loss: number | null = null;
  for await (const { fineTuneJobEvents: event } of client.subscribe(FineTuneProgressDocument, { id: job.id })) {
    const { step, totalSteps, etaSeconds } = event.job;
    if (event.type === 'metrics') {
      const { metrics, step: at } = event.data as { metrics: Metrics; step: number };
      loss = metrics['loss'] ?? loss;
      on.metrics?.(at, metrics);
    }
    if (event.type === 'log' && event.data['level'] === 'warn') on.warn?.(String(event.data['message']));
    progress.show(step, totalSteps, `loss ${fixed(loss, 3)}  ETA ${etaSeconds == null ? '–' : clock(etaSeconds)}`);
  }
  const { fineTuneJob: result } = await client.request(FineTuneJobDocument, { id: job.id });
  if (result.status !== 'succeeded') throw new Error(`The job "${label}" ended as ${result.status}: ${result.failure?.code} ${result.failure?.message}`);
  const again = result.attempt > 1 ? `, after ${result.attempt} attempts` : '';
  progress.end(`${label}: ${result.step} steps in ${fixed(result.summary?.seconds, 0)} s, last loss ${fixed(loss, 3)}${again} → models:/${result.modelVersion!.name}/${result.modelVersion!.version}`);
  return result;
}

export const refOf = (model: { name: string; version: number }): string => `models:/${model.name}/${model.version}`;
