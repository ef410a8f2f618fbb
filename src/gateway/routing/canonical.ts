/** What does not change the answer's content: how it is sent, and who asks and why. */
const IRRELEVANT = new Set(['model', 'stream', 'stream_options', 'user', 'metadata', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'store']);

/** A request as a text that is the same for every way to write it: members in order, without those that do not change the answer. */
export function canonical(request: Record<string, unknown>): string {
  return `{${Object.keys(request).filter((name) => !IRRELEVANT.has(name) && request[name] !== undefined).sort().map((name) => `${JSON.stringify(name)}:${ordered(request[name])}`).join(',')}}`;
}

function ordered(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(ordered).join(',')}]`;
  const fields = value as Record<string, unknown>;
  return `{${Object.keys(fields).filter((name) => fields[name] !== undefined).sort().map((name) => `${JSON.stringify(name)}:${ordered(fields[name])}`).join(',')}}`;
}

/** What a caller says about the cache, in `x-triad-cache-control`: not to answer from it, not to keep the answer. */
export function cacheControl(header: string | string[] | undefined): { read: boolean; write: boolean } {
  const said = header === undefined ? [] : String(header).toLowerCase().split(',').map((each) => each.trim());
  const noStore = said.includes('no-store');
  return { read: !noStore && !said.includes('no-cache'), write: !noStore };
}
