import type { ProviderKind } from '../../deployments/deployment.entity.js';
import { anthropic } from './anthropic.js';
import { openai } from './openai.js';
import type { Protocol } from './protocol.js';
import { stableDiffusionWebui } from './stable-diffusion-webui.js';

const PROTOCOLS: Record<ProviderKind, Protocol> = { openai, anthropic, stable_diffusion_webui: stableDiffusionWebui };

/** What a provider of a kind speaks; own runtimes speak OpenAI's. */
export const protocolOf = (kind: ProviderKind): Protocol => PROTOCOLS[kind];
