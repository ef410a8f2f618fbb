/** What Langfuse reads in a prompt: references to other prompts and `{{variables}}`; and what Liquid would read that Langfuse does not. */
const PARTS = /@@@langfusePrompt:([^@\n]{1,600})@@@|\{\{\s*(\w+)\s*\}\}|\{+(?=\{\{\s*\w+\s*\}\}|@@@langfusePrompt:)|\{\{+|\{%/g;
const LIQUID_WORDS = new Set(['true', 'false', 'nil', 'null', 'empty', 'blank', 'and', 'or', 'not', 'contains']);

/** Another prompt that a template includes. */
export interface LangfuseReference {
  name: string;
  by: { label: string } | { version: number };
}

/**
 * A template of Langfuse's as one of ours: the same text comes of the same variables.
 * @param refer the name that a prompt has here, with `@label` or `/number`
 * @throws Error for a reference or a variable that we cannot have.
 */
export function fromLangfuse(template: string, refer: (reference: LangfuseReference) => string): string {
  return template.replace(PARTS, (found: string, reference: string | undefined, variable: string | undefined) => {
    if (reference !== undefined) return `{% render "${refer(readReference(reference))}" %}`;
    if (variable === undefined) return `{% raw %}${found}{% endraw %}`;
    if (/^\d/.test(variable)) throw new Error(`the variable {{${variable.slice(0, 100)}}} begins with a digit, which no variable here may. Rename it.`);
    return LIQUID_WORDS.has(variable) ? `{{ ["${variable}"] }}` : `{{${variable}}}`;
  });
}

/** References in a template, each once. */
export function referencesIn(template: string): LangfuseReference[] {
  const found = new Map(Array.from(template.matchAll(PARTS), ([, reference]) => reference).filter((each) => each !== undefined).map((each) => [each, readReference(each)]));
  return [...found.values()];
}

function readReference(text: string): LangfuseReference {
  const parts = new Map(text.split('|').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
  const [name, label, version] = [parts.get('name'), parts.get('label'), parts.get('version')];
  if (name && label && version === undefined) return { name, by: { label } };
  if (name && version && label === undefined && /^\d{1,9}$/.test(version)) return { name, by: { version: Number(version) } };
  throw new Error(`the reference @@@langfusePrompt:${text.slice(0, 200)}@@@ is not of the form name=NAME|label=LABEL or name=NAME|version=NUMBER.`);
}
