import { type Change, diffArrays, diffLines, diffWordsWithSpace } from 'diff';
import type { ChatTemplate } from './prompt.entity.js';

/** A stretch of text that is in both, only in the first, or only in the second. */
export interface Hunk {
  kind: 'equal' | 'removed' | 'added';
  text: string;
}

/** What became of a message. Positions count from 0. */
export interface MessageChange {
  kind: 'equal' | 'added' | 'removed' | 'changed' | 'moved';
  from: number | null;
  to: number | null;
  fromRole: ChatTemplate['role'] | null;
  toRole: ChatTemplate['role'] | null;
  hunks: Hunk[];
}

/** A value in a JSON document that differs; the pointer is RFC 6901's. */
export interface JsonChange {
  kind: 'added' | 'removed' | 'changed';
  pointer: string;
  from: unknown;
  to: unknown;
}

/** What one comparison may take, in milliseconds, and how many edits it looks for, before it goes by lines and then by the whole. */
const BUDGET_MS = 150;
const MAX_EDITS = 2000;
/** Characters of two texts together that are compared by words at all. */
const MAX_WORDWISE = 400_000;
/** Messages of two versions together that are told apart one by one. */
const MAX_MESSAGES = 2000;
/** Pairs of messages between two anchors that are looked at. */
const MAX_PAIRS = 40_000;
/** Differences of two JSON documents that are shown. */
const MAX_JSON_CHANGES = 1000;

const hunksOf = (changes: Change[]): Hunk[] => changes.map(({ added, removed, value }) => ({ kind: added ? 'added' : removed ? 'removed' : 'equal', text: value }));
const keyOf = ({ role, content }: ChatTemplate): string => `${role}\n${content}`;

/** Compares two lists of messages in bounded time, whatever they hold. */
export class MessageDiff {
  private readonly deadline = Date.now() + BUDGET_MS;

  constructor(
    private readonly from: readonly ChatTemplate[],
    private readonly to: readonly ChatTemplate[],
  ) {}

  /**
   * In the order of the second, what was removed where it stood. Equal messages are anchors; between two of them messages
   * pair up in order, those of one role first, and what is left of one side has come or gone. What went here and came
   * there unchanged has moved.
   */
  changes(): MessageChange[] {
    const changes: MessageChange[] = [];
    let [from, to] = [0, 0];
    for (const { kind, count } of this.anchors()) {
      if (kind === 'equal') {
        for (let index = 0; index < count; index++) changes.push(this.equal(from++, to++));
      } else {
        const gap = { from: [...this.range(from, kind.from)], to: [...this.range(to, kind.to)] };
        changes.push(...this.paired(gap.from, gap.to));
        from += kind.from;
        to += kind.to;
      }
    }
    return withMoves(changes);
  }

  private *range(start: number, length: number): Generator<number> {
    for (let index = 0; index < length; index++) yield start + index;
  }

  /** Runs of equal messages, and the gaps between them. */
  private anchors(): { kind: 'equal' | { from: number; to: number }; count: number }[] {
    const few = this.from.length + this.to.length <= MAX_MESSAGES;
    const found = few ? diffArrays(this.from.map(keyOf), this.to.map(keyOf), { maxEditLength: MAX_EDITS, timeout: this.left() }) as { added?: boolean; removed?: boolean; count: number }[] | undefined : undefined;
    if (!found) return [{ kind: { from: this.from.length, to: this.to.length }, count: 0 }];
    const anchors: { kind: 'equal' | { from: number; to: number }; count: number }[] = [];
    for (const { added, removed, count } of found) {
      if (!added && !removed) {
        anchors.push({ kind: 'equal', count });
        continue;
      }
      const last = anchors.at(-1);
      const gap = last && last.kind !== 'equal' ? last.kind : { from: 0, to: 0 };
      if (!last || last.kind === 'equal') anchors.push({ kind: gap, count: 0 });
      gap[removed ? 'from' : 'to'] += count;
    }
    return anchors;
  }

  private paired(from: number[], to: number[]): MessageChange[] {
    const left = [...from];
    const changes: MessageChange[] = [];
    // Where there are too many to look at all of them for each, only the next one is looked at.
    const seen = () => (from.length * to.length <= MAX_PAIRS ? left : left.slice(0, 1));
    const stays = new Set(to.map((at) => keyOf(this.to[at]!)));
    for (const at of to) {
      const sameText = seen().findIndex((each) => this.from[each]!.content === this.to[at]!.content);
      const sameRole = seen().findIndex((each) => this.from[each]!.role === this.to[at]!.role && !stays.has(keyOf(this.from[each]!)));
      const found = sameText >= 0 ? sameText : sameRole;
      if (found < 0) changes.push(this.added(at));
      else changes.push(...left.splice(0, found).map((each) => this.removed(each)), this.changed(left.shift()!, at));
    }
    return [...changes, ...left.map((each) => this.removed(each))];
  }

  private equal(from: number, to: number): MessageChange {
    const { role, content } = this.to[to]!;
    return { kind: 'equal', from, to, fromRole: role, toRole: role, hunks: [{ kind: 'equal', text: content }] };
  }

  private added(to: number): MessageChange {
    const { role, content } = this.to[to]!;
    return { kind: 'added', from: null, to, fromRole: null, toRole: role, hunks: [{ kind: 'added', text: content }] };
  }

  private removed(from: number): MessageChange {
    const { role, content } = this.from[from]!;
    return { kind: 'removed', from, to: null, fromRole: role, toRole: null, hunks: [{ kind: 'removed', text: content }] };
  }

  private changed(from: number, to: number): MessageChange {
    const [before, after] = [this.from[from]!, this.to[to]!];
    return { kind: 'changed', from, to, fromRole: before.role, toRole: after.role, hunks: this.words(before.content, after.content) };
  }

  private words(from: string, to: string): Hunk[] {
    if (from === to) return [{ kind: 'equal', text: from }];
    const bounds = () => ({ maxEditLength: MAX_EDITS, timeout: this.left() });
    const short = from.length + to.length <= MAX_WORDWISE;
    const found = (short && this.left() > 0 ? diffWordsWithSpace(from, to, bounds()) : undefined) ?? (this.left() > 0 ? diffLines(from, to, bounds()) : undefined);
    return found ? hunksOf(found) : [{ kind: 'removed', text: from }, { kind: 'added', text: to }];
  }

  private left(): number {
    return Math.max(0, this.deadline - Date.now());
  }
}

/** A message that was removed here and added there is one that moved. */
function withMoves(changes: MessageChange[]): MessageChange[] {
  const removed = new Map(changes.filter(({ kind }) => kind === 'removed').map((change) => [`${change.fromRole!}\n${change.hunks[0]!.text}`, change]));
  const gone = new Set<MessageChange>();
  const moved = changes.map((change): MessageChange => {
    const key = `${change.toRole ?? ''}\n${change.hunks[0]!.text}`;
    const before = change.kind === 'added' ? removed.get(key) : undefined;
    if (!before) return change;
    removed.delete(key);
    gone.add(before);
    return { ...change, kind: 'moved', from: before.from, fromRole: before.fromRole, hunks: [{ kind: 'equal', text: change.hunks[0]!.text }] };
  });
  return moved.filter((_, index) => !gone.has(changes[index]!));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const sameKind = (a: unknown, b: unknown): boolean => isObject(a) && isObject(b) && Array.isArray(a) === Array.isArray(b);
const escapePointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** Where two JSON documents differ, at most MAX_JSON_CHANGES places; lists are compared place by place. Both are no deeper than a request may be. */
export function jsonChanges(from: unknown, to: unknown, pointer = '', changes: JsonChange[] = []): JsonChange[] {
  if (changes.length >= MAX_JSON_CHANGES) return changes;
  if (!sameKind(from, to)) {
    if (from !== to) changes.push({ kind: from === undefined ? 'added' : to === undefined ? 'removed' : 'changed', pointer, from: from ?? null, to: to ?? null });
    return changes;
  }
  const [before, after] = [from as Record<string, unknown>, to as Record<string, unknown>];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const value = (of: Record<string, unknown>) => (Object.hasOwn(of, key) ? of[key] : undefined);
    jsonChanges(value(before), value(after), `${pointer}/${escapePointer(key)}`, changes);
  }
  return changes;
}
