import Mustache from 'mustache';
import { DomainError } from '../common/errors.js';
import type { ChatTemplate } from './prompt.entity.js';

type Token = [type: string, value: string, start: number, end: number, ...rest: unknown[]];

function parse(template: string, where: string): Token[] {
  try {
    return Mustache.parse(template);
  } catch (error) {
    throw new DomainError('bad_input', `The template of ${where} cannot be read: ${(error as Error).message}.`, 'prompt');
  }
}

/**
 * Names of the variables of a prompt, sorted. Only plain `{{name}}` is allowed: no sections, partials or paths, so that
 * a template can reach nothing but the variables given.
 * @throws DomainError bad_input naming the message and the tag that is not allowed.
 */
export function variablesOf(messages: ChatTemplate[]): string[] {
  const names = new Set<string>();
  messages.forEach((message, index) => {
    for (const [type, value] of parse(message.content, `message ${index + 1}`)) {
      if (type === 'text' || type === '!') continue;
      if (!['name', '&'].includes(type) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(value)) {
        throw new DomainError('bad_input',
          `Message ${index + 1} holds the tag {{${type === 'name' || type === '&' ? '' : type}${value}}}; only variables such as {{name}} are allowed.`, 'prompt');
      }
      names.add(value);
    }
  });
  return [...names].sort();
}

/**
 * Fills in the variables; values are inserted as they are, never read as templates.
 * @param variables name → text, number or boolean; names that the prompt does not use are ignored
 * @throws DomainError undefined_variable naming every variable that is missing or not a scalar.
 */
export function renderMessages(messages: ChatTemplate[], needed: string[], variables: Record<string, unknown>, promptName: string): ChatTemplate[] {
  const isScalar = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value);
  const bad = needed.filter((name) => !Object.hasOwn(variables, name) || !isScalar(variables[name]));
  if (bad.length > 0) {
    const given = Object.keys(variables);
    throw new DomainError('undefined_variable',
      `Prompt ${JSON.stringify(promptName)} needs ${bad.map((name) => `{{${name}}}`).join(', ')} as text, number or boolean; given: ${given.length > 0 ? given.join(', ') : 'none'}.`,
      `variables.${bad[0]}`);
  }
  const view = Object.assign(Object.create(null) as object, Object.fromEntries(needed.map((name) => [name, String(variables[name])])));
  return messages.map(({ role, content }) => ({ role, content: Mustache.render(content, view, {}, { escape: String }) }));
}
