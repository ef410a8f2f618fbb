import { isObject } from '../../common/is-object.js';
import { invalid, type Json, textOf, unsupported } from './protocol.js';

/** A turn of Anthropic's conversation. */
interface Turn {
  role: 'user' | 'assistant';
  content: Json[];
}

export interface Conversation {
  system: Json[];
  messages: Turn[];
}

const PDF = 'application/pdf';
const DATA_URL = /^data:([^;,]+);base64,(.*)$/s;

/**
 * OpenAI's messages as Anthropic's: those of system and developer make the system prompt, the results of tools belong to
 * the user, and neighbours of one role are one turn.
 * @throws DomainError bad_input naming the message that Anthropic has no form for.
 */
export function conversationOf(messages: readonly unknown[]): Conversation {
  const conversation: Conversation = { system: [], messages: [] };
  messages.forEach((message, index) => add(conversation, message, `messages[${index}]`));
  // OpenAI answers a system prompt alone; Anthropic wants somebody to have said something.
  return conversation.messages.length > 0 ? conversation : { system: [], messages: [{ role: 'user', content: conversation.system }] };
}

function add({ system, messages }: Conversation, message: unknown, where: string): void {
  if (!isObject(message)) throw invalid(where, `${where} is not a message.`);
  const { role } = message;
  if (role === 'system' || role === 'developer') system.push(...blocksOf(message['content'], `${where}.content`));
  else if (role === 'user') join(messages, 'user', blocksOf(message['content'], `${where}.content`));
  else if (role === 'assistant') join(messages, 'assistant', answerBlocks(message, where));
  else if (role === 'tool') join(messages, 'user', [toolResult(message, where)]);
  else throw unsupported(`${where}.role`, `${where} has the role ${JSON.stringify(role)}; Anthropic's models take system, developer, user, assistant and tool.`);
}

/** What tools answered must come first in its turn. */
function join(messages: Turn[], role: Turn['role'], content: Json[]): void {
  const last = messages.at(-1);
  if (last?.role !== role) messages.push({ role, content });
  else if (content[0]?.['type'] === 'tool_result') {
    const at = last.content.findLastIndex(({ type }) => type === 'tool_result') + 1;
    last.content.splice(at, 0, ...content);
  } else last.content.push(...content);
}

function answerBlocks(message: Json, where: string): Json[] {
  const thinking = Array.isArray(message['thinking_blocks']) ? message['thinking_blocks'] as Json[] : [];
  const calls = Array.isArray(message['tool_calls']) ? message['tool_calls'] as unknown[] : [];
  if (message['function_call'] != null) throw unsupported(`${where}.function_call`, `${where} has a function_call; Anthropic's models take tool_calls.`);
  const said = message['content'] == null ? message['refusal'] ?? '' : message['content'];
  return [...thinking, ...blocksOf(said, `${where}.content`), ...calls.map((call, index) => toolUse(call, `${where}.tool_calls[${index}]`))];
}

function toolUse(call: unknown, where: string): Json {
  const { id, type, function: called } = isObject(call) ? call : {};
  if ((type ?? 'function') !== 'function' || !isObject(called)) throw unsupported(where, `${where} is no call of a function, which is what Anthropic's models make.`);
  return { type: 'tool_use', id, name: called['name'], input: argumentsOf(called['arguments'], `${where}.function.arguments`) };
}

function argumentsOf(text: unknown, where: string): unknown {
  if (text == null || text === '') return {};
  try {
    const value = JSON.parse(text as string) as unknown;
    if (isObject(value)) return value;
  } catch { /* told below */ }
  throw invalid(where, `${where} must be an object in JSON.`);
}

function toolResult({ tool_call_id, content }: Json, where: string): Json {
  if (typeof tool_call_id !== 'string') throw invalid(`${where}.tool_call_id`, `${where} does not say which call it answers: give tool_call_id.`);
  const blocks = blocksOf(content ?? '', `${where}.content`);
  return { type: 'tool_result', tool_use_id: tool_call_id, ...(blocks.length > 0 && { content: blocks }) };
}

/** Anthropic refuses blocks without text, so they are left out. */
function blocksOf(content: unknown, where: string): Json[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw invalid(where, `${where} must be text or a list of parts.`);
  return content.flatMap((part, index) => blockOf(part, `${where}[${index}]`));
}

function blockOf(part: unknown, where: string): Json[] {
  if (!isObject(part)) throw invalid(where, `${where} is not a part of a message.`);
  const { type } = part;
  const cache = part['cache_control'] == null ? {} : { cache_control: part['cache_control'] };
  if (type === 'text' || type === 'refusal') {
    const text = textOf(part[type]);
    return text === '' ? [] : [{ type: 'text', text, ...cache }];
  }
  if (type === 'image_url') return [{ type: 'image', source: imageSource(part['image_url'], where), ...cache }];
  if (type === 'file') return [{ ...document(part['file'], where), ...cache }];
  throw unsupported(where, `${where} is of type ${JSON.stringify(type)}; Anthropic's models take text, image_url and file with a PDF.`);
}

function imageSource(image: unknown, where: string): Json {
  const url = textOf(isObject(image) ? image['url'] : image);
  const [, media_type, data] = DATA_URL.exec(url) ?? [];
  if (data !== undefined) return { type: 'base64', media_type, data };
  if (url.startsWith('https://')) return { type: 'url', url };
  throw invalid(`${where}.image_url`, `${where} must hold a data URL in base64, or an https URL.`);
}

function document(file: unknown, where: string): Json {
  const { file_data, filename } = isObject(file) ? file : {};
  const given = textOf(file_data);
  const [, media_type, data] = DATA_URL.exec(given) ?? [undefined, PDF, given];
  if (!data || media_type !== PDF) throw unsupported(`${where}.file`, `${where} must hold a PDF as file_data; Anthropic does not know ids of files elsewhere.`);
  return { type: 'document', source: { type: 'base64', media_type, data }, ...(typeof filename === 'string' && { title: filename }) };
}
