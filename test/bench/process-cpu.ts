import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts the time of processes in ticks, of which a second has a hundred. */
const TICK_MICROS = 10_000;

/** Microseconds of processor time that a process has used with all its threads; null where there is no /proc. */
export function cpuMicros(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
  } catch {
    return null;
  }
}

/** The first process below `root` whose command line has `word`; null where there is no /proc, or none. */
export function findBelow(root: number, word: string): number | null {
  try {
    const parents = new Map(readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => [Number(name), parentOf(Number(name))]));
    const isBelow = (pid: number): boolean => pid === root || (parents.get(pid) ?? 0) > 1 && isBelow(parents.get(pid)!);
    return [...parents.keys()].find((pid) => pid !== root && isBelow(pid) && commandOf(pid).includes(word)) ?? null;
  } catch {
    return null;
  }
}

/** 0 for one that has just ended. */
function parentOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1]);
  } catch {
    return 0;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
