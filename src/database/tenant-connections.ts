import type { PoolClient } from 'pg';
import { type DataSource, EntityManager, type QueryRunner, type ReplicationMode } from 'typeorm';

/** The project each pooled connection was last told. */
const told = new WeakMap<PoolClient, string>();

/**
 * A view of a data source whose every connection shows one project's rows; an empty project shows none. A connection is
 * told its project before it runs anything, so that what an earlier user left on it cannot be seen. One that belongs to
 * the project already is not told again.
 */
export function scopedTo(source: DataSource, projectId: string): DataSource {
  const view = Object.create(source) as DataSource;
  view.createQueryRunner = (mode?: ReplicationMode) => {
    // Called on the view, so that the runner's own manager stays within it.
    const runner: QueryRunner = source.createQueryRunner.call(view, mode);
    const connect = runner.connect.bind(runner) as () => Promise<PoolClient>;
    let connected: Promise<PoolClient> | null = null;
    runner.connect = () => (connected ??= connect().then((client) => tell(client, projectId)));
    return runner;
  };
  Object.assign(view, { manager: new EntityManager(view) });
  return view;
}

async function tell(client: PoolClient, projectId: string): Promise<PoolClient> {
  if (told.get(client) === projectId) return client;
  told.delete(client);
  await client.query("SELECT set_config('triad.project_id', $1, false)", [projectId]);
  told.set(client, projectId);
  return client;
}
