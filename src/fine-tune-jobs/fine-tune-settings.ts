import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import graderSchema from '../../contracts/grader.schema.json' with { type: 'json' };
import schema from '../../contracts/job-spec.schema.json' with { type: 'json' };
import { DomainError } from '../common/errors.js';
import { parseGrader } from '../common/graders.js';
import type { Hyperparameters, RlOptions } from '../contracts/contracts.generated.js';
import type { FineTuneMethod, FineTuneSettings } from './fine-tune-job.entity.js';

/** Values of T that a caller may leave out, or give as null. */
type Loose<T> = { [K in keyof T]?: T[K] | null | undefined };

/** What a caller says of how to train; what is left out is filled in by `settingsOf`. */
export interface GivenSettings {
  seed?: number | null | undefined;
  hyperparameters?: Loose<Hyperparameters> | null | undefined;
  lora?: Loose<FineTuneSettings['lora']> | null | undefined;
  reward?: Loose<NonNullable<FineTuneSettings['reward']>> | null | undefined;
  rl?: (Loose<Omit<RlOptions, 'reward' | 'gold' | 'guards'>> & { reward: unknown; gold?: unknown; guards?: Loose<NonNullable<RlOptions['guards']>> | null | undefined }) | null | undefined;
}

/**
 * Defaults by method: passes over the training rows, rows (grpo: completions) per step, and a learning rate that suits
 * LoRA. The schema fields of the API tell them too.
 */
export const DEFAULTS = {
  sft: { passes: 3, batchSize: 16, learningRate: 2e-4 },
  dpo: { passes: 1, batchSize: 16, learningRate: 2e-5 },
  reward: { passes: 1, batchSize: 16, learningRate: 1e-4 },
  grpo: { passes: 1, batchSize: 16, learningRate: 2e-5 },
} as const satisfies Record<FineTuneMethod, object>;
const DEFAULT_LORA = { r: 16, alpha: 32 };
const DEFAULT_RL = { groupSize: 8, temperature: 1, maxNewTokens: 128 };
/** A run is checkpointed, and measured where it can be, this many times unless told otherwise. */
const SAVES = 10;

/**
 * Fills in what was left out and checks the whole against the contract with the trainer.
 * @param trainRows rows to train on, from which the default number of steps follows
 * @throws DomainError bad_input naming the field.
 */
export function settingsOf(method: FineTuneMethod, given: GivenSettings, trainRows: number): FineTuneSettings {
  const rl = rlOf(method, given.rl);
  if (given.reward && method !== 'reward') throw new DomainError('bad_input', `reward is for method reward, not ${method}.`, 'reward');
  const reward = method === 'reward' ? check('reward', present(given.reward ?? {})) : undefined;
  const hyperparameters = hyperparametersOf(method, present(given.hyperparameters ?? {}), trainRows, rl);
  checkBatches(hyperparameters, rl);
  return {
    seed: check('seed', given.seed ?? 0),
    hyperparameters: check('hyperparameters', hyperparameters),
    lora: check('lora', { ...DEFAULT_LORA, ...present(given.lora ?? {}) }),
    ...(reward && { reward }),
    ...(rl && { rl }),
  };
}

function hyperparametersOf(method: FineTuneMethod, given: Partial<Hyperparameters>, trainRows: number, rl: RlOptions | undefined): Hyperparameters {
  const { passes, batchSize: usual, learningRate } = DEFAULTS[method];
  const batchSize = given.batchSize ?? (rl ? Math.ceil(usual / rl.groupSize) * rl.groupSize : usual);
  const rowsPerStep = rl ? Math.max(1, batchSize / rl.groupSize) : batchSize;
  const maxSteps = given.maxSteps ?? Math.max(1, Math.ceil((passes * trainRows) / rowsPerStep));
  const often = Math.max(1, Math.ceil(maxSteps / SAVES));
  return { learningRate, maxSteps, batchSize, checkpointEverySteps: often, ...(rl?.gold ? { evalEverySteps: often } : {}), ...given };
}

function rlOf(method: FineTuneMethod, given: GivenSettings['rl']): RlOptions | undefined {
  if (method !== 'grpo') {
    if (given) throw new DomainError('bad_input', `rl is for method grpo, not ${method}.`, 'rl');
    return undefined;
  }
  if (!given) throw new DomainError('bad_input', 'Method grpo needs rl, with the grader to be rewarded by in rl.reward.', 'rl');
  const { reward, gold, guards, ...numbers } = given;
  const rl: RlOptions = {
    ...DEFAULT_RL, ...present(numbers), reward: parseGrader(reward), gold: gold == null ? null : parseGrader(gold),
    ...(guards ? { guards: { ...guards, stop: guards.stop ?? false } } : {}),
  };
  if (rl.gold?.type === 'length') throw new DomainError('bad_input', 'A length grader measures nothing worth having; take another for rl.gold.', 'rl.gold');
  return check('rl', rl);
}

function checkBatches({ batchSize, gradientAccumulationSteps = 1 }: Hyperparameters, rl: RlOptions | undefined): void {
  const multipleOf = (divisor: number, name: string) => {
    if (batchSize % divisor === 0) return;
    throw new DomainError('bad_input', `hyperparameters.batchSize (${batchSize}) must be a multiple of ${name} (${divisor}).`, 'hyperparameters.batchSize');
  };
  multipleOf(gradientAccumulationSteps, 'gradientAccumulationSteps');
  if (rl) multipleOf(rl.groupSize, 'rl.groupSize');
}

/** Leaves out what is null, which GraphQL clients send for what they do not set. */
function present<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], null> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value != null)) as { [K in keyof T]: Exclude<T[K], null> };
}

const ajv = new Ajv2020({ schemas: [graderSchema, schema] });
const validators = new Map<string, ValidateFunction>();

/** Checks one field of the job spec. */
function check<T>(field: string, value: T): NonNullable<T> {
  const validate = validators.get(field) ?? ajv.compile({ $ref: `job-spec.schema.json#/properties/${field}` });
  validators.set(field, validate);
  if (validate(value)) return value as NonNullable<T>;
  const [error] = validate.errors ?? [];
  const where = `${field}${(error?.instancePath ?? '').replaceAll('/', '.')}`;
  throw new DomainError('bad_input', `${where} ${error?.message ?? 'is not valid'}; it is ${JSON.stringify(valueAt(value, error?.instancePath ?? ''))}.`, where);
}

const valueAt = (value: unknown, pointer: string): unknown =>
  pointer.split('/').slice(1).reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], value);
