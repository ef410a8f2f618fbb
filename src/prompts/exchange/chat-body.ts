import type { ChatRole, ChatTemplate } from '../prompt.entity.js';
import { ChatRoleEnum } from '../prompt.types.js';

const ROLES = Object.values(ChatRoleEnum);
/** A heading of a message, or a line of a message that looks like one and so has a backslash more in the file than in the message. */
const HEADING = new RegExp(String.raw`^(\\*)##[ \t]*(${ROLES.join('|')})[ \t]*:?[ \t\r]*$`, 'i');

/**
 * Messages as Markdown: `## role`, an empty line, the content as it stands, an empty line. A line of the content that would
 * read as such a heading gets a backslash before it, as does one that has backslashes already; so every content comes back.
 */
export function writeChat(messages: readonly ChatTemplate[]): string {
  return messages.map(({ role, content }) => `## ${role}\n\n${content.split('\n').map((line) => (HEADING.test(line) ? `\\${line}` : line)).join('\n')}\n`).join('\n');
}

/**
 * Reads what `writeChat` writes, and what a person may: headings in either case, without empty lines around them.
 * @param refuse is told the number of the line, from 0
 */
export function readChat(body: string, refuse: (line: number, why: string) => never): ChatTemplate[] {
  const messages: { role: ChatRole; lines: string[] }[] = [];
  body.split('\n').forEach((line, index) => {
    const [, escapes, role] = HEADING.exec(line) ?? [];
    if (role !== undefined && escapes === '') messages.push({ role: role.toLowerCase() as ChatRole, lines: [] });
    else if (messages.length > 0) messages.at(-1)!.lines.push(role === undefined ? line : line.slice(1));
    else if (line.trim() !== '') refuse(index, `A chat prompt starts with a heading of a message: write ${ROLES.map((each) => `"## ${each}"`).join(', ')}.`);
  });
  if (messages.length === 0) refuse(0, `A chat prompt needs a message: write ${ROLES.map((each) => `"## ${each}"`).join(', ')}, and its text below.`);
  return messages.map(({ role, lines }) => ({ role, content: lines.slice(lines[0] === '' ? 1 : 0, lines.length > 1 && lines.at(-1) === '' ? -1 : undefined).join('\n') }));
}
