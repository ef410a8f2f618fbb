import { isObject } from '../../common/is-object.js';
import { invalid, type Json, textOf, unsupported } from './protocol.js';

/** Anthropic's own, that says nothing about the answer of another provider. */
const LEFT_OUT = new Set(['cache_control', 'service_tier', 'inference_geo', 'diagnostics', 'speed', 'user_profile_id', 'workspace_id']);
const TRANSLATED = new Set(['model', 'max_tokens', 'messages', 'system', 'stop_sequences', 'metadata', 'tools', 'tool_choice', 'thinking', 'output_config', 'prompt']);
/** What only Anthropic does. */
const IMPOSSIBLE = ['container', 'mcp_servers', 'context_management'];
const NO_THINKING = new Set(['disabled', 'between_tools']);

/**
 * A request of Anthropic's clients as OpenAI's chat request, for what speaks OpenAI's alone. A provider of kind `anthropic`
 * gets the request itself. What neither of the two knows (`temperature`, `top_k`, …) is passed on.
 * @param body checked by request-checks
 * @throws DomainError bad_input naming what only Anthropic's models do.
 */
export function chatRequestOf(body: Json): Json {
  for (const name of IMPOSSIBLE) if (body[name] != null) throw unsupported(name, `${name} is done by Anthropic's models alone. Leave it out, or ask a model of a provider of kind anthropic.`);
  const { system, stop_sequences: stop, metadata, tools, stream, max_tokens } = body;
  const own = Object.fromEntries(Object.entries(body).filter(([name, value]) => value != null && !TRANSLATED.has(name) && !LEFT_OUT.has(name)));
  const user = isObject(metadata) ? metadata['user_id'] : null;
  return {
    ...own,
    model: body['model'],
    messages: [...systemMessage(system), ...(body['messages'] as unknown[]).flatMap((message, index) => messagesOf(message, `messages.${index}`))],
    ...(max_tokens != null && { max_completion_tokens: max_tokens }),
    ...(Array.isArray(stop) && stop.length > 0 && { stop }),
    ...(typeof user === 'string' && { user }),
    ...(Array.isArray(tools) && tools.length > 0 && { tools: tools.map(toolOf), ...choiceOf(body['tool_choice']) }),
    ...outputOf(body),
    ...(stream === true && { stream_options: { include_usage: true } }),
  };
}

function systemMessage(system: unknown): Json[] {
  const text = textBlocks(system ?? '', 'system');
  return text === '' ? [] : [{ role: 'system', content: text }];
}

function textBlocks(content: unknown, where: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw invalid(where, `${where} must be text or a list of blocks.`);
  return content.map((block, index) => {
    if (!isObject(block) || typeof block['text'] !== 'string') throw unsupported(`${where}.${index}`, `${where}.${index} is no text, which is all that others than Anthropic's models take here.`);
    return block['text'];
  }).join('\n\n');
}

/** A turn; what tools answered stands in messages of its own before the rest of it. */
function messagesOf(message: unknown, where: string): Json[] {
  const { role, content } = isObject(message) ? message : {};
  if (role === 'system') return [{ role, content: textBlocks(content, `${where}.content`) }];
  if (typeof content === 'string') return [{ role, content }];
  if (!Array.isArray(content)) throw invalid(`${where}.content`, `${where}.content must be text or a list of blocks.`);
  const blocks = content.map((block) => (isObject(block) ? block : {}));
  if (role === 'assistant') return [assistantMessage(blocks, where)];
  const results = blocks.flatMap((block, index) => (block['type'] === 'tool_result' ? [toolMessage(block, `${where}.content.${index}`)] : []));
  const parts = blocks.flatMap((block, index) => (block['type'] === 'tool_result' ? [] : [partOf(block, `${where}.content.${index}`)]));
  return [...results, ...(parts.length > 0 ? [{ role: 'user', content: parts }] : [])];
}

/** Its thinking is left out: only who thought it can read what vouches for it. */
function assistantMessage(blocks: Json[], where: string): Json {
  const said = blocks.map((block, index) => {
    const { type } = block;
    if (type === 'text') return textOf(block['text']);
    if (type === 'tool_use' || type === 'thinking' || type === 'redacted_thinking') return '';
    throw unsupported(`${where}.content.${index}`, `${where}.content.${index} is of type ${JSON.stringify(type)}, which Anthropic's models alone take.`);
  }).join('');
  const calls = blocks.filter(({ type }) => type === 'tool_use')
    .map(({ id, name, input }) => ({ id, type: 'function', function: { name, arguments: JSON.stringify(input ?? {}) } }));
  return { role: 'assistant', content: said === '' && calls.length > 0 ? null : said, ...(calls.length > 0 && { tool_calls: calls }) };
}

/** OpenAI's results of tools are text, and do not say whether the tool failed. */
function toolMessage({ tool_use_id, content, is_error }: Json, where: string): Json {
  const text = textBlocks(content ?? '', `${where}.content`);
  return { role: 'tool', tool_call_id: tool_use_id, content: is_error === true ? `Error: ${text}` : text };
}

function partOf(block: Json, where: string): Json {
  const { type, source, title } = block;
  const { type: from, media_type, data, url } = isObject(source) ? source : {};
  if (type === 'text') return { type, text: block['text'] };
  if (type === 'image' && from === 'base64') return { type: 'image_url', image_url: { url: `data:${textOf(media_type)};base64,${textOf(data)}` } };
  if (type === 'image' && from === 'url') return { type: 'image_url', image_url: { url } };
  if (type === 'document' && from === 'text') return { type: 'text', text: data };
  if (type === 'document' && from === 'base64') return { type: 'file', file: { filename: textOf(title) || 'document.pdf', file_data: `data:${textOf(media_type)};base64,${textOf(data)}` } };
  throw unsupported(where, `${where} is of type ${JSON.stringify(type)}${from === undefined ? '' : ` from ${JSON.stringify(from)}`}, which Anthropic's models alone take.`);
}

function toolOf(tool: unknown, index: number): Json {
  const { type, name, description, input_schema, strict } = isObject(tool) ? tool : {};
  if ((type ?? 'custom') !== 'custom' || !isObject(input_schema)) throw unsupported(`tools.${index}`, `tools.${index} is of type ${JSON.stringify(type)}, which Anthropic runs itself. Leave it out, or ask a model of a provider of kind anthropic.`);
  return { type: 'function', function: { name, ...(description != null && { description }), parameters: input_schema, ...(strict === true && { strict }) } };
}

function choiceOf(choice: unknown): Json {
  if (!isObject(choice)) return {};
  const { type, name, disable_parallel_tool_use: single } = choice;
  const wanted = type === 'any' ? 'required' : type === 'tool' ? { type: 'function', function: { name } } : type;
  return { tool_choice: wanted, ...(single === true && { parallel_tool_calls: false }) };
}

/** A budget has no counterpart: others are told how hard to think, and do so in their own measure. */
function outputOf({ thinking, output_config: config }: Json): Json {
  const { effort, format } = isObject(config) ? config : {};
  const thinks = isObject(thinking) && !NO_THINKING.has(textOf(thinking['type']));
  const wanted = effort === 'max' ? 'xhigh' : effort ?? (thinks ? 'medium' : null);
  return {
    ...(wanted !== null && { reasoning_effort: wanted }),
    ...(isObject(format) && { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: format['schema'] } } }),
  };
}

/** A rendered prompt before what an Anthropic request says itself. @param rendered messages of role system, user or assistant */
export function withPrompt(body: Json, rendered: readonly { role: string; content: string }[]): Json {
  const { prompt: _, system, messages, ...rest } = body;
  const instructions = rendered.filter(({ role }) => role === 'system').map(({ content }) => ({ type: 'text', text: content }));
  const own = typeof system === 'string' ? [{ type: 'text', text: system }] : Array.isArray(system) ? system as Json[] : [];
  const all = [...instructions, ...own];
  return {
    ...rest,
    ...(all.length > 0 && { system: all }),
    messages: [...rendered.filter(({ role }) => role !== 'system'), ...(Array.isArray(messages) ? messages as unknown[] : [])],
  };
}
