import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Templates of prompts become Liquid; what is stored is translated, so that there is one language. */
export class PromptTemplates1764200000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "evaluation_runs" ADD "prompt_pins" jsonb NOT NULL DEFAULT '{}'`);
    await runner.query(`ALTER TABLE "fine_tune_jobs" ADD "prompt_pins" jsonb NOT NULL DEFAULT '{}'`);
    await runner.query(`ALTER TABLE "prompt_versions" ADD "includes" text array NOT NULL DEFAULT '{}'`);
    await runner.query(`ALTER TABLE "prompt_versions" ADD "input_schema" jsonb NOT NULL DEFAULT '{}'`);
    await runner.query(`ALTER TABLE "prompt_versions" ADD "input_schema_given" boolean NOT NULL DEFAULT false`);
    await runner.query(`UPDATE "prompt_versions" SET "input_schema" = jsonb_build_object('type', 'object', 'required', to_jsonb("variables"), 'properties',
      (SELECT coalesce(jsonb_object_agg(name, '{"type": ["string", "number", "boolean"]}'::jsonb), '{}') FROM unnest("variables") AS name))`);
    await translateAll(runner, (content) => toLiquid(content));
  }

  /** Templates stay in Liquid. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "prompt_versions" DROP COLUMN "input_schema_given"`);
    await runner.query(`ALTER TABLE "prompt_versions" DROP COLUMN "input_schema"`);
    await runner.query(`ALTER TABLE "prompt_versions" DROP COLUMN "includes"`);
    await runner.query(`ALTER TABLE "fine_tune_jobs" DROP COLUMN "prompt_pins"`);
    await runner.query(`ALTER TABLE "evaluation_runs" DROP COLUMN "prompt_pins"`);
  }
}

interface Row {
  id: string;
  messages: { role: string; content: string }[];
}

async function translateAll(runner: QueryRunner, translate: (content: string) => string): Promise<void> {
  for (let after = ''; ;) {
    const rows = (await runner.query(`SELECT "id", "messages" FROM "prompt_versions" WHERE "id" > $1 ORDER BY "id" LIMIT 100`, [after])) as Row[];
    for (const { id, messages } of rows) {
      const translated = messages.map((message) => ({ ...message, content: translate(message.content) }));
      if (translated.some(({ content }, index) => content !== messages[index]!.content)) {
        await runner.query(`UPDATE "prompt_versions" SET "messages" = $2 WHERE "id" = $1`, [id, JSON.stringify(translated)]);
      }
    }
    if (rows.length === 0) return;
    after = rows.at(-1)!.id;
  }
}

/** A tag of the old language: `{{name}}`, `{{{name}}}`, `{{&name}}` or `{{! comment}}`. */
interface Tag {
  sigil: string;
  name: string;
  source: string;
}

/** Words that Liquid would not read as a variable. */
const WORDS_OF_LIQUID = new Set(['true', 'false', 'nil', 'null', 'empty', 'blank', 'and', 'or', 'not', 'contains']);

/** A template of the old language as one in Liquid that says the same. Exported for its test. */
export function toLiquid(template: string): string {
  return linesOf(piecesOf(template)).map((line) => {
    const comments = line.filter((piece): piece is Tag => typeof piece !== 'string' && piece.sigil === '!');
    const alone = comments.length > 0 && line.every((piece) => (typeof piece === 'string' ? piece.trim() === '' : piece.sigil === '!'));
    // A line of comments went as a whole, its end with it.
    if (alone) return comment(line.map((piece) => (typeof piece === 'string' ? piece : piece.name)).join(''));
    return line.map((piece) => (typeof piece === 'string' ? literal(piece) : piece.sigil === '!' ? comment(` ${piece.name} `) : variable(piece))).join('');
  }).join('');
}

const comment = (text: string): string => `{% comment %}${text.replace(/\{(?=[{%]|$)/g, '{ ')}{% endcomment %}`;

/** In the old language only `{{` opened a tag. */
const literal = (text: string): string => text.replaceAll('{%', '{% raw %}{%{% endraw %}');

function variable({ name, source, sigil }: Tag): string {
  if (WORDS_OF_LIQUID.has(name)) return `{{ ["${name}"] }}`;
  return sigil === '' ? source : `{{${name}}}`;
}

function piecesOf(template: string): (string | Tag)[] {
  const pieces: (string | Tag)[] = [];
  const opening = /\{\{\s*([#^/>{&=!]?)/g;
  let at = 0;
  for (let found = opening.exec(template); found; found = opening.exec(template)) {
    const closing = found[1] === '{' ? '}}}' : '}}';
    const end = template.indexOf(closing, opening.lastIndex);
    if (end < 0) break;
    const after = end + closing.length;
    pieces.push(template.slice(at, found.index), { sigil: found[1]!, name: template.slice(opening.lastIndex, end).trim(), source: template.slice(found.index, after) });
    at = opening.lastIndex = after;
  }
  return [...pieces, template.slice(at)];
}

function linesOf(pieces: (string | Tag)[]): (string | Tag)[][] {
  const lines: (string | Tag)[][] = [[]];
  for (const piece of pieces) {
    for (const part of typeof piece === 'string' ? piece.split(/(?<=\n)/) : [piece]) {
      lines.at(-1)!.push(part);
      if (typeof part === 'string' && part.endsWith('\n')) lines.push([]);
    }
  }
  return lines;
}
