import type { ChatTemplate } from '../prompt.entity.js';
import type { ImportedPrompt } from './imported.js';

const RENDER = /\{%-?\s*render\s+["'](?:prompts:\/)?([A-Za-z0-9._/-]{1,250})/g;

/** Names of the prompts that templates include, as far as they show without being parsed. */
export const includedIn = (messages: readonly ChatTemplate[]): string[] =>
  messages.flatMap(({ content }) => Array.from(content.matchAll(RENDER), ([, name]) => name!.replace(/\/\d+$/, '')));

/** Those that others include first; the order that was given otherwise, and where they include each other. */
export function byIncludes(prompts: readonly ImportedPrompt[]): ImportedPrompt[] {
  const named = new Map(prompts.map((prompt) => [prompt.name, prompt]));
  const placed = new Set<ImportedPrompt>();
  for (const prompt of prompts) {
    // A stack of its own: a chain of includes may be longer than the call stack.
    const stack = [{ prompt, left: [...prompt.includes] }];
    const open = new Set([prompt]);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = named.get(top.left.pop() ?? '');
      if (next && !placed.has(next) && !open.has(next)) {
        open.add(next);
        stack.push({ prompt: next, left: [...next.includes] });
      } else if (!next && top.left.length === 0) {
        placed.add(top.prompt);
        stack.pop();
      }
    }
  }
  return [...placed];
}
