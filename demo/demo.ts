/**
 * `npm run demo`: takes a base model through prompt, tune and reward, as an outside client of the service. Every number
 * that it prints comes from the service's answers.
 *   --quick  smaller sets and fewer steps (about three minutes)   --exit  stop the service at the end
 */
import { Client } from './client.js';
import { compareCandidates, deployWinner } from './verdict.js';
import { elapsed, heading, say } from './print.js';
import { improvePolicy, trainRewardModel } from './reward-leg.js';
import { gameReward } from './gamed-reward.js';
import { measurePrompts } from './prompt-leg.js';
import { loadRecipe } from './recipe.js';
import { startReceiver } from './receiver.js';
import { findOrStartService } from './service.js';
import { prepare } from './setting.js';
import { tuneModel } from './tune-leg.js';

const quick = process.argv.includes('--quick');
const recipe = loadRecipe(quick ? 'quick' : 'full');
heading('Triad: one service to prompt, tune and reward a foundation model');
const service = await findOrStartService();
say(`The service ${service.startedHere ? 'was started' : 'was already running'}: ${service.url}`);
const receiver = await startReceiver();
try {
  const client = new Client(service.url, service.apiKey);
  const setting = await prepare(client, recipe, receiver);
  const prompts = await measurePrompts(client, setting);
  const tuned = await tuneModel(client, setting, prompts[0]!.prompt);
  const rewarded = await trainRewardModel(client, setting, tuned);
  const improved = await improvePolicy(client, setting, tuned, rewarded);
  await gameReward(client, setting, tuned);
  const winner = await compareCandidates(client, [...prompts, tuned, ...improved]);
  await deployWinner(service, client, setting, winner, receiver);
  heading(`Done in ${elapsed()}`);
  if (process.argv.includes('--exit') && service.startedHere) service.stop();
  else say(`The service goes on running at ${service.url}; stop it with: npm run stop`);
} catch (error) {
  console.error(`\nThe demo could not go on: ${error instanceof Error ? error.message : String(error)}\n  The service's logs are in .triad/logs; npm run doctor checks this machine.`);
  process.exitCode = 1;
  if (process.argv.includes('--exit') && service.startedHere) service.stop();
} finally {
  receiver.close();
}
