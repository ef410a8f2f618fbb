import { hash } from 'node:crypto';

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export type Scalar = string | number | boolean;

/**
 * A row after normalisation: `prompt`, or `input` (variables that a prompt version renders); by format also `completion`
 * (sft) or `chosen`, `rejected` and perhaps `slice` (preference); and any further scalar columns.
 */
export interface DatasetRow {
  prompt?: ChatMessage[];
  input?: Record<string, Scalar>;
  completion?: string;
  chosen?: string;
  rejected?: string;
  slice?: string;
  [column: string]: Scalar | ChatMessage[] | Record<string, Scalar> | undefined;
}

/**
 * What a row asks, as 128 bits of a hash in hex: equal for one prompt however it is wrapped (one variable or one user message),
 * spaced or cased. The split and the contamination check go by it.
 */
export function promptKey(row: DatasetRow): string {
  const parts = row.prompt ? row.prompt.map((message) => message.content)
    : Object.entries(row.input ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => String(value));
  const folded = parts.join('\n').normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim();
  return hash('sha256', folded, 'hex').slice(0, 32);
}

/** Whether the row is held out, for a share of 0–1. A prompt stays on its side as the data grows. */
export function inHoldout(row: DatasetRow, share: number): boolean {
  return share > 0 && Number.parseInt(promptKey(row).slice(0, 8), 16) / 2 ** 32 < share;
}
