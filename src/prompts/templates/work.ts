import { DomainError } from '../../common/errors.js';

/** More than any model reads. A template that names a variable often enough could ask for more than there is memory. */
const MAX_RENDERED_CHARACTERS = 8_000_000;
/** Tags evaluated, items looped over, and for long values their length: what takes about a tenth of a second. */
const MAX_STEPS = 1_000_000;
const CHARACTERS_PER_STEP = 64;

/** What is written by one rendering of a prompt, and how much it may still do. The bounds do not depend on the machine. */
export class Work {
  out = '';
  private steps = MAX_STEPS;
  private room = MAX_RENDERED_CHARACTERS;

  /** @param prompt named in errors */
  constructor(private readonly prompt: string) {}

  write(text: string): void {
    this.room -= text.length;
    if (this.room < 0) {
      throw new DomainError('too_large', `${this.prompt} would have more than ${MAX_RENDERED_CHARACTERS} characters with these variables. Give shorter ones.`, 'variables');
    }
    this.out += text;
  }

  /** What has been written of the message; the next begins. */
  take(): string {
    const { out } = this;
    this.out = '';
    return out;
  }

  step(count = 1): void {
    this.steps -= count;
    if (this.steps < 0) {
      throw new DomainError('too_large', `${this.prompt} takes more than ${MAX_STEPS} steps with these variables. Give shorter lists, or loop over fewer of them.`, 'variables');
    }
  }

  /** For LiquidJS' filters: characters that are gone over or made. */
  use(characters: number): void {
    this.step(1 + characters / CHARACTERS_PER_STEP);
  }

  counted(text: string): string {
    this.use(text.length);
    return text;
  }

  /** Before `needle` is looked for in `text`: at worst each of its characters is compared at each place. */
  search(text: string, needle: string): void {
    this.use(text.length);
    this.step((text.length * needle.length) / 1_000);
  }
}
