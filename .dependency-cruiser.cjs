// What may import what. docs/architecture.md says why.

/** Features, each with those whose exported services it may use. A new edge is a decision: add it here, and say so. */
const FEATURES = {
  prompts: ['models'],
  webhooks: [],
  models: ['webhooks'],
  datasets: ['models'],
  deployments: ['models', 'webhooks'],
  calls: ['datasets', 'models', 'prompts'],
  experiments: ['calls', 'deployments', 'models', 'prompts', 'webhooks'],
  gateway: ['calls', 'deployments', 'experiments', 'models', 'prompts'],
  'fine-tune-jobs': ['datasets', 'models', 'prompts', 'webhooks'],
  'reward-models': ['deployments', 'fine-tune-jobs', 'models', 'prompts'],
  evaluations: ['datasets', 'models', 'prompts', 'reward-models', 'deployments', 'webhooks'],
};
const PLATFORM = ['auth', 'commands', 'config', 'database', 'graphql', 'limits', 'observability', 'queue'];

const anyOf = (names) => `(${names.join('|')})`;
const features = anyOf(Object.keys(FEATURES));
/** A file of a role, as its name says. */
const role = (...roles) => `\\.${anyOf(roles)}\\.ts$`;
const EDGES = role('resolver', 'controller', 'processor');
const SPEC = '\\.spec\\.ts$';

const featureEdges = Object.entries(FEATURES).map(([feature, allowed]) => ({
  name: `feature-${feature}`,
  comment: `${feature} may use ${allowed.join(', ') || 'no other feature'}.`,
  severity: 'error',
  from: { path: `^src/${feature}/` },
  to: { path: `^src/${features}/`, pathNot: `^src/${anyOf([feature, ...allowed])}/` },
}));

const layers = [
  {
    name: 'nothing-imports-an-edge',
    comment: 'Resolvers, controllers and processors are reached from outside; only modules name them.',
    from: { path: '^src/', pathNot: `${role('module')}|${SPEC}` }, to: { path: EDGES },
  },
  {
    name: 'edge-to-service',
    comment: 'An edge delegates to a service; it reads and writes no rows.',
    from: { path: EDGES }, to: { path: `${role('repository')}|^src/database/database\\.ts$` },
  },
  {
    name: 'request-to-service',
    comment: 'A processor carries an attempt through its lifecycle; a request asks the service to.',
    from: { path: role('resolver', 'controller') }, to: { path: role('lifecycle') },
  },
  {
    name: 'repository-to-entity',
    comment: 'A repository knows rows, not what is done with them.',
    from: { path: role('repository') }, to: { path: role('service', 'lifecycle', 'types', 'module') },
  },
  {
    name: 'entity-stands-alone',
    comment: 'An entity says what a row holds.',
    from: { path: role('entity') }, to: { path: '^src/', pathNot: `${role('entity')}|^src/(common|contracts)/|^src/queue/jobs\\.ts$` },
  },
  {
    name: 'features-meet-at-services',
    comment: 'Of another feature, use its exported services (and the types they answer with).',
    from: { path: `^src/${features}/` },
    to: { path: `^src/${features}/.*${role('repository', 'lifecycle', 'resolver', 'controller', 'processor')}`, pathNot: '^src/$1/' },
  },
].map((rule) => ({ severity: 'error', ...rule }));

const ground = [
  { name: 'no-circular', comment: 'Of two files that need each other, neither can be understood alone.', from: {}, to: { circular: true } },
  { name: 'not-to-unresolvable', from: {}, to: { couldNotResolve: true } },
  {
    name: 'common-imports-no-feature',
    from: { path: '^src/common/' }, to: { path: '^src/', pathNot: '^src/(common|contracts)/' },
  },
  {
    name: 'platform-imports-no-feature',
    comment: 'The list of entities is the one exception.',
    from: { path: `^src/${anyOf(PLATFORM)}/`, pathNot: '^src/database/entities\\.ts$' }, to: { path: `^src/${features}/` },
  },
  {
    name: 'every-folder-is-known',
    comment: 'A new feature needs its line in FEATURES.',
    from: { path: '^src/', pathNot: `^src/[^/]+$|^src/${anyOf([...Object.keys(FEATURES), ...PLATFORM, 'common', 'contracts'])}/` }, to: {},
  },
  { name: 'service-without-tests', from: { path: '^src/', pathNot: SPEC }, to: { path: '^(test|demo|scripts)/' } },
  { name: 'service-without-dev-packages', from: { path: '^src/', pathNot: SPEC }, to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'] } },
  { name: 'demo-is-a-client', comment: 'The demo sees what any client sees: the API.', from: { path: '^demo/' }, to: { path: '^src/' } },
].map((rule) => ({ severity: 'error', ...rule }));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [...ground, ...layers, ...featureEdges],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    // Packages of types only name them under `typings`.
    enhancedResolveOptions: { mainFields: ['module', 'main', 'types', 'typings'], exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
