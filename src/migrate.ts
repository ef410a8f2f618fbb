/** Brings the database of DATABASE_URL to the newest schema; may run again, and in several places at once. */
import { environmentSchema, readVariables } from './config/config.js';
import { migrate } from './database/data-source.js';

const { DATABASE_URL, TRIAD_TENANT_DATABASE_URL } = readVariables(environmentSchema.pick({ DATABASE_URL: true, TRIAD_TENANT_DATABASE_URL: true }));
await migrate(DATABASE_URL, TRIAD_TENANT_DATABASE_URL);
console.log('The database has the newest schema.');
