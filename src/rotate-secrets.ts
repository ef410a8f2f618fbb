/**
 * Wraps every stored secret under TRIAD_SECRET_KEY; the keys that they are under now stand in TRIAD_SECRET_KEYS_OLD. May be
 * killed, run again, and run in several places at once, beside the service. Exit code 1: some secret does not open.
 * With --check nothing is changed, and exit code 1 says that some secret still needs an old key.
 */
import { DataSource } from 'typeorm';
import { environmentSchema, readVariables } from './config/config.js';
import { dataSourceOptions } from './database/data-source.js';
import { countOutdated, rotateStore, secretStores } from './database/secret-rotation.js';

const keys = readVariables(environmentSchema.pick({ DATABASE_URL: true, TRIAD_SECRET_KEY: true, TRIAD_SECRET_KEYS_OLD: true }));
const source = await new DataSource(dataSourceOptions(keys.DATABASE_URL)).initialize();
try {
  for (const store of secretStores(source)) {
    const { column } = store;
    if (process.argv.includes('--check')) {
      const outdated = await countOutdated(source, keys, store);
      console.log(`${column}: ${outdated === 0 ? 'all are under the current key' : `${outdated} still need an old key`}`);
      if (outdated > 0) process.exitCode = 1;
    } else {
      const { rewrapped, unreadable } = await rotateStore(source, keys, store);
      console.log(`${column}: ${rewrapped} wrapped under the current key, ${unreadable.length} do not open`);
      for (const line of unreadable) console.error(line);
      if (unreadable.length > 0) process.exitCode = 1;
    }
  }
} finally {
  await source.destroy();
}
