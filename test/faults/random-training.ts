import type { Installation } from '../helpers/installation.js';
import { prepareTraining, sftInput } from '../helpers/fine-tune.js';
import type { Gateway } from '../helpers/gateway.js';

/** A job of some seconds, with checkpoints on the way. */
const JOB = sftInput(60, { checkpointEverySteps: 10 });

/** The helpers of fine-tuning use nothing of a gateway that an installation lacks. */
export const prepareTrainingInputs = (triad: Installation): Promise<void> => prepareTraining(triad as unknown as Gateway);

export async function createTrainingJob(triad: Installation, headers: Record<string, string>): Promise<string> {
  return (await triad.graphql('mutation ($input: CreateFineTuneJobInput!) { createFineTuneJob(input: $input) { id } }', { input: JOB }, headers))['createFineTuneJob'].id as string;
}
