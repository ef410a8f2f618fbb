const MASK = '[redacted]';

/** A quote as it stands in JSON, and in JSON that is itself within a string: with the same backslashes at each end. */
const SECRET_FIELD = /((\\{0,63})"[\w-]*(?:secret|password|api_?-?key|authorization|cookie|token)\2"\s*:\s*\2")(?:(?!(?<!\\)\2")[^])*/gi;

/** What is a secret by its look, wherever it stands. Whoever is refused chooses the text: each pattern takes time linear in it. */
const SECRETS: [RegExp, string][] = [
  [SECRET_FIELD, `$1${MASK}`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${MASK}`],
  [/\btriad_[\w-]{20,}/g, MASK],
  [/\bwhsec_[\w+/=-]+/g, MASK],
  [/\bsk-[\w-]{8,}/g, MASK],
  [/\beyJ[\w-]{1,500}\.eyJ[\w-]+\.[\w-]*/g, MASK],
  [/([a-z][\w+.-]{0,30}:\/\/[^\s:/@"]{0,500}:)[^\s@"]{1,500}(?=@)/gi, `$1${MASK}`],
  [/\b((?:\w+_)?(?:password|secret|api_?key|token)=)[^\s&"\\]+/gi, `$1${MASK}`],
];

/**
 * Takes secrets out of a text that goes to a log: API keys, signing secrets, providers' keys, JWTs, passwords in URLs,
 * authorization headers, and the strings of JSON fields whose names say that they are secret, at any depth.
 */
export function redactSecrets(text: string): string {
  return SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text);
}
