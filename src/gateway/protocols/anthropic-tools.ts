import { isObject } from '../../common/is-object.js';
import { invalid, type Json, unsupported } from './protocol.js';

/** The tool that stands for `response_format: json_object`: its input is the answer. Requests may not name one so. */
export const JSON_ANSWER = 'triad_json_answer';

const answerTool: Json = { name: JSON_ANSWER, description: 'Answer with this. Its input is the JSON object that was asked for.', input_schema: { type: 'object', additionalProperties: true } };

/** @throws DomainError bad_input for tools that are no functions. */
export function toolsOf({ tools, tool_choice, parallel_tool_calls, response_format }: Json): Json {
  // Where a tool must be called there is no answer to be JSON.
  const json = isObject(response_format) && response_format['type'] === 'json_object' && (tool_choice == null || tool_choice === 'auto' || tool_choice === 'none');
  const allowed = allowedBy(tool_choice);
  const given = (Array.isArray(tools) ? tools : []).map(toolOf).filter(({ name }) => !allowed || allowed.has(name));
  const all = json ? [...given, answerTool] : given;
  if (all.length === 0) return {};
  const choice = choiceOf(tool_choice, json, given.length > 0);
  const single = parallel_tool_calls === false && choice?.['type'] !== 'none';
  return { tools: all, ...((choice || single) && { tool_choice: { ...(choice ?? { type: 'auto' }), ...(single && { disable_parallel_tool_use: true }) } }) };
}

function toolOf(tool: unknown, index: number): Json {
  const { type, function: definition, cache_control } = isObject(tool) ? tool : {};
  if (type !== 'function' || !isObject(definition)) throw unsupported(`tools[${index}]`, `tools[${index}] is of type ${JSON.stringify(type)}; Anthropic's models take functions.`);
  const { name, description, parameters, strict } = definition;
  return {
    name,
    ...(description != null && { description }),
    input_schema: isObject(parameters) ? { type: 'object', ...parameters } : { type: 'object', properties: {} },
    ...(strict === true && { strict }),
    ...(cache_control != null && { cache_control }),
  };
}

const nameIn = (choice: unknown): unknown => (isObject(choice) && isObject(choice['function']) ? choice['function']['name'] : undefined);

/** `allowed_tools`: those it names are the only ones to be told of. */
function allowedBy(choice: unknown): Set<unknown> | null {
  if (!isObject(choice) || choice['type'] !== 'allowed_tools') return null;
  const { tools } = isObject(choice['allowed_tools']) ? choice['allowed_tools'] : {};
  return new Set((Array.isArray(tools) ? tools : []).map(nameIn));
}

function choiceOf(choice: unknown, json: boolean, hasTools: boolean): Json | null {
  if (json && (!hasTools || choice === 'none')) return { type: 'tool', name: JSON_ANSWER };
  const mode = isObject(choice) && isObject(choice['allowed_tools']) ? choice['allowed_tools']['mode'] : choice;
  // Either a tool is called, or the answer is given as JSON: text is neither.
  if (json && (mode == null || mode === 'auto')) return { type: 'any' };
  if (mode == null) return null;
  if (mode === 'auto' || mode === 'none') return { type: mode };
  if (mode === 'required') return { type: 'any' };
  const name = nameIn(choice);
  if (typeof name !== 'string') throw invalid('tool_choice', 'tool_choice must be none, auto, required, a function, or allowed_tools.');
  return { type: 'tool', name };
}

/**
 * A JSON Schema whose objects take no other properties than they name, as Anthropic's structured outputs want it (its own
 * clients do the same): what satisfies it satisfies the schema given.
 */
export function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (!isObject(schema)) return schema;
  const copy: Json = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties' || key === '$defs' || key === 'definitions') copy[key] = isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, closed(each)])) : value;
    else if (key === 'items' || key === 'anyOf' || key === 'allOf' || key === 'oneOf') copy[key] = closed(value);
    else copy[key] = value;
  }
  if (copy['type'] === 'object' && isObject(copy['properties'])) copy['additionalProperties'] ??= false;
  return copy;
}
