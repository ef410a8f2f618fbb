/** The smallest value that a JSON Schema allows, the same at each call; strings say `text`. */
export function instanceOf(schema: any, text = 'text', defs: any = schema?.$defs ?? schema?.definitions ?? {}): unknown {
  if (!schema || typeof schema !== 'object') return text;
  if (schema.$ref) return instanceOf(schema.$ref === '#' ? {} : defs[schema.$ref.split('/').at(-1)], text, defs);
  if ('const' in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return instanceOf(either[0], text, defs);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object': return Object.fromEntries((Object.entries(schema.properties ?? {})).map(([name, each]) => [name, instanceOf(each, text, defs)]));
    case 'array': return Array.from({ length: Math.max(1, schema.minItems ?? 1) }, () => instanceOf(schema.items, text, defs));
    case 'integer': return Math.ceil(schema.minimum ?? 7);
    case 'number': return schema.minimum ?? 7.5;
    case 'boolean': return true;
    case 'null': return null;
    default: return schema.format === 'date' ? '2026-11-25' : text;
  }
}
