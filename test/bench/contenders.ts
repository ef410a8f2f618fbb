import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from '../../demo/service.js';
import { graphql } from './graphql.js';
import { bareServer } from './load.js';
import type { Call } from './open-load.js';
import { findBelow } from './process-cpu.js';
import { type Rival, startLitellm, startPortkey } from './rivals.js';

/** One way to the same upstream. */
export interface Contender {
  name: string;
  /** The process that is measured; null when it cannot be told. */
  pid: number | null;
  /** The same conversation for all; Triad renders it from a registered prompt. */
  call: Call;
}

export interface Contenders {
  direct: Contender;
  proxy: Contender;
  triad: Contender;
  /** Portkey and LiteLLM, without those that do not start here. */
  rivals: Contender[];
  /** Why one does not start. */
  missing: string[];
  stop(): Promise<void>;
}

const NAME = 'bench-gateway';
const ROOM = { room: 'studio', wish: 'close down the studio blind' };
const MESSAGES = [{ role: 'system', content: 'You steer the house. The speaker is in the studio.' }, { role: 'user', content: 'close down the studio blind' }];
/** Never reached, so that each call is counted and none is refused. */
const LIMITS = 'requestsPerMinute: 1000000000, tokensPerMinute: 1000000000';

/** Everything that stands before the upstream, started and answering. @param extra fields of each request, such as `stream` */
export async function startContenders(service: Service, folder: string, extra: object = {}): Promise<Contenders> {
  const upstream = await bareServer('upstream');
  const proxy = await bareServer('proxy', upstream.url);
  const call = (url: string, headers: Record<string, string>, body: object): Call => ({
    url: `${url}/v1/chat/completions`, method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify({ ...body, ...extra }),
  });
  const plain = { model: 'fake', messages: MESSAGES };
  const started: Rival[] = [];
  const rivals: Contender[] = [];
  const missing: string[] = [];
  for (const [name, start] of [['Portkey', startPortkey], ['LiteLLM', startLitellm]] as const) {
    try {
      const rival = await start(folder, upstream.url);
      started.push(rival);
      rivals.push({ name, pid: rival.pid, call: call(rival.url, rival.headers, { ...plain, model: rival.model }) });
    } catch (error) {
      missing.push(`${name} is not measured: ${(error as Error).message}`);
    }
  }
  const model = await registerAtTriad(service, upstream.url);
  const prompt = { name: NAME, label: 'production', variables: ROOM };
  return {
    direct: { name: 'direct', pid: upstream.process.pid!, call: call(upstream.url, {}, plain) },
    proxy: { name: 'bare `http` proxy', pid: proxy.process.pid!, call: call(proxy.url, {}, plain) },
    triad: { name: 'Triad', pid: apiProcess(), call: call(service.url, { authorization: `Bearer ${service.apiKey}` }, { model, prompt }) },
    rivals, missing,
    stop: async () => {
      await graphql(service, 'mutation { setProjectLimits(limits: {}) { requestsPerMinute } }');
      for (const each of started) await each.stop();
      for (const each of [upstream, proxy]) each.process.disconnect();
    },
  };
}

/** A provider with a key, a prompt with a label, limits that count, and a log. @returns the model's name */
async function registerAtTriad(service: Service, upstream: string): Promise<string> {
  const provider = `${NAME}-${Date.now().toString(36)}`; // one for each upstream
  await graphql(service, `mutation { createProvider(input: { name: "${provider}", baseUrl: "${upstream}/v1", apiKey: "sk-bench" }) { id } }`);
  await graphql(service, `mutation { createPromptVersion(input: { name: "${NAME}", labels: ["production"], messages: [
    { role: system, content: "You steer the house. The speaker is in the {{room}}." }, { role: user, content: "{{wish}}" }] }) { id } }`);
  await graphql(service, `mutation { setProjectLimits(limits: { ${LIMITS} }) { requestsPerMinute } }`);
  await logCalls(service, 'metadata');
  return `${provider}/fake`;
}

export const logCalls = (service: Service, mode: 'off' | 'metadata' | 'full') => graphql(service, `mutation { setCallLogging(mode: ${mode}) { mode } }`);

/** The API's process below the launcher's. */
function apiProcess(): number | null {
  const { pid } = JSON.parse(readFileSync(join(process.env['TRIAD_HOME']!, 'running.json'), 'utf8')) as { pid: number };
  return findBelow(pid, 'src/main.js');
}
