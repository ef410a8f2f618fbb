import { invalid, type Refusal } from './refusal.js';

/** Most tokens of an answer of the fake's models. */
const MOST_TOKENS = 16_384;
/** Characters: a token of the fake is a character. */
const CONTEXT = 128_000;
const NAME = /^[a-zA-Z0-9_-]+$/;

/** What OpenAI refuses of a chat request whose fields are right each by itself. */
export function chatFault(body: any): Refusal | null {
  return streamFault(body) ?? toolFault(body) ?? formatFault(body) ?? conversationFault(body.messages) ?? lengthFault(body);
}

function streamFault({ stream, stream_options, logprobs, top_logprobs }: any): Refusal | null {
  if (stream_options && !stream) return invalid('The \'stream_options\' parameter is only allowed when \'stream\' is enabled.', 'stream_options');
  if (top_logprobs != null && !logprobs) return invalid('The \'top_logprobs\' parameter is only allowed when \'logprobs\' is enabled.', 'top_logprobs');
  return null;
}

function toolFault({ tools, tool_choice, parallel_tool_calls }: any): Refusal | null {
  for (const [field, value] of Object.entries({ tool_choice, parallel_tool_calls })) {
    if (value != null && !tools) return invalid(`Invalid value for '${field}': '${field}' is only allowed when 'tools' are specified.`, field);
  }
  for (const [index, tool] of (tools ?? []).entries()) {
    const { name, strict, parameters } = tool.function ?? tool.custom;
    const place = `tools[${index}].function.name`;
    if (!NAME.test(name)) return invalid(`Invalid '${place}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`, place, 'invalid_value');
    if (strict && openObject(parameters)) return invalid(`Invalid schema for function '${name}': In context=(), 'additionalProperties' is required to be supplied and to be false.`, `tools[${index}].function.parameters`, 'invalid_function_parameters');
  }
  if (tool_choice?.type === 'function' && !tools.some((tool: any) => tool.function?.name === tool_choice.function.name)) {
    return invalid(`Invalid value for 'tool_choice': tool '${tool_choice.function.name}' is not in 'tools'.`, 'tool_choice');
  }
  return null;
}

function formatFault({ response_format: format, messages }: any): Refusal | null {
  if (format?.type === 'json_object' && !JSON.stringify(messages).toLowerCase().includes('json')) {
    return invalid('\'messages\' must contain the word \'json\' in some form, to use \'response_format\' of type \'json_object\'.', 'messages');
  }
  if (format?.type === 'json_schema' && format.json_schema.strict && openObject(format.json_schema.schema)) {
    return invalid(`Invalid schema for response_format '${format.json_schema.name}': In context=(), 'additionalProperties' is required to be supplied and to be false.`, 'response_format');
  }
  return null;
}

/** An object of a strict schema names all that it holds. */
function openObject(schema: any): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  return (schema.type === 'object' && schema.additionalProperties !== false) || Object.values(schema).some(openObject);
}

/** Each call of a tool is followed by its answer, and each answer follows its call. */
function conversationFault(messages: any[]): Refusal | null {
  let open: string[] = [];
  for (const [index, { role, tool_call_id, tool_calls }] of messages.entries()) {
    if (role === 'tool') {
      if (!open.includes(tool_call_id)) return invalid('Invalid parameter: messages with role \'tool\' must be a response to a preceeding message with \'tool_calls\'.', `messages.[${index}].role`);
      open = open.filter((id) => id !== tool_call_id);
      continue;
    }
    if (open.length > 0) break;
    open = (tool_calls ?? []).map((call: any) => call.id);
  }
  if (open.length === 0) return null;
  return invalid(`An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${open.join(', ')}`, 'messages');
}

function lengthFault({ max_tokens, messages }: any): Refusal | null {
  if (max_tokens > MOST_TOKENS) {
    return invalid(`max_tokens is too large: ${max_tokens}. This model supports at most ${MOST_TOKENS} completion tokens, whereas you provided ${max_tokens}.`, 'max_tokens', 'invalid_value');
  }
  const { length } = JSON.stringify(messages);
  if (length <= CONTEXT) return null;
  return invalid(`This model's maximum context length is ${CONTEXT} tokens. However, your messages resulted in ${length} tokens. Please reduce the length of the messages.`, 'messages', 'context_length_exceeded');
}
