/**
 * What authentication, tenancy and limits cost is measured against: the very same API without them, in a process of its own.
 * Every request is the given project's admin; rows are read as the owner of the tables, past row-level security. For
 * benchmarks only: `node open-gateway.js <project id>`.
 */
import 'reflect-metadata';
import { createApplication } from '../../src/application.js';
import { AuthService } from '../../src/auth/auth.service.js';
import { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { AdmissionService } from '../../src/limits/admission.service.js';

const [projectId] = process.argv.slice(2);
const app = await createApplication();
const database = app.get(Database);
const ctx = RequestContext.forKey(projectId!, 'bench', 'admin', 'bench');
app.get(AuthService).authenticate = () => Promise.resolve(ctx);
database.manager = ({ tx }) => tx ?? database.platform;
app.get(AdmissionService).admit = () => undefined;
await app.listen(0, '127.0.0.1');
process.send!(Number(new URL(await app.getUrl()).port));
process.on('disconnect', () => process.exit(0));
