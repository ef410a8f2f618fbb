import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CONFIG, type Config } from '../config/config.js';
import type { Manifest } from '../contracts/contracts.generated.js';

/** Directories of files below TRIAD_HOME/artefacts, each named by the digest of its manifest. */
@Injectable()
export class ArtefactStore {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /**
   * Puts the files of a manifest into the store: hard links, so that large weights are not doubled, or copies where the
   * file system has none. Complete or absent; the same artefact may be put twice.
   * @returns path relative to TRIAD_HOME.
   */
  async put(directory: string, manifest: Manifest): Promise<string> {
    const path = join('artefacts', manifest.sha256);
    const target = join(this.config.TRIAD_HOME, path);
    if (await exists(target)) return path;
    const partial = join(this.config.TRIAD_HOME, 'artefacts', `.partial-${randomUUID()}`);
    try {
      for (const file of manifest.files) {
        const destination = join(partial, file.path);
        await mkdir(dirname(destination), { recursive: true });
        await link(join(directory, file.path), destination).catch(() => copyFile(join(directory, file.path), destination));
      }
      await rename(partial, target).catch(async (error: unknown) => {
        if (!(await exists(target))) throw error;
      });
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
    return path;
  }

  absolute(path: string): string {
    return join(this.config.TRIAD_HOME, path);
  }
}

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false);
