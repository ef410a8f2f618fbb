import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';

interface Panel { id: number; type: string; title: string; gridPos: { x: number; y: number; w: number; h: number }; targets?: { expr: string; datasource: { uid: string } }[] }

const dashboard = JSON.parse(readFileSync('ops/grafana/triad.json', 'utf8')) as { uid: string; title: string; schemaVersion: number; panels: Panel[]; templating: { list: { name: string; type: string }[] } };
const rules = readFileSync('ops/prometheus/alerts.yaml', 'utf8');
const alerts = [...rules.matchAll(/^ +- alert: (\w+)\n +expr: (.+)\n/gm)].map(([, name, expr]) => ({ name: name!, expr: expr! }));

/** Names of metrics in a PromQL expression: words that are no label, function, keyword or string. */
function metricsIn(expr: string): string[] {
  const bare = expr.replace(/"[^"]*"/g, '').replace(/\{[^}]*\}/g, '').replace(/\[[^\]]*\]/g, '').replace(/\b(by|without)\s*\([^)]*\)/g, '');
  return [...bare.matchAll(/[a-z_][a-z0-9_:]*(?!\w*\s*\()\b/gi)].map(([name]) => name).filter((name) => name.includes('_') && !['histogram_quantile'].includes(name));
}
/** Labels that an expression asks for or groups by. */
const labelsIn = (expr: string): string[] => [
  ...[...expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label!),
  ...[...expr.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, list]) => list!.split(',').map((label) => label.trim())),
];

describe('dashboard and alerts', () => {
  let gateway: Gateway;
  let exported: Set<string>;
  let text: string;
  beforeAll(async () => {
    gateway = await startGateway();
    await gateway.graphql('{ prompts { nodes { name } } }');
    text = await (await fetch(`${gateway.url}/metrics`)).text();
    exported = new Set([...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].flatMap(([, name, type]) => (type === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name!])));
  });
  afterAll(() => gateway.stop());

  const expressions = [
    ...dashboard.panels.flatMap(({ title, targets }) => (targets ?? []).map(({ expr }) => [title, expr] as const)),
    ...alerts.map(({ name, expr }) => [name, expr] as const),
  ];

  it.each(expressions)('%s asks for metrics that are there: %s', (_, expr) => {
    const names = metricsIn(expr);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !exported.has(name))).toEqual([]);
    expect(expr.split('(').length).toBe(expr.split(')').length);
  });

  it('asks for labels that some metric has', () => {
    const sources = ['src/observability/gateway-use.ts', 'src/observability/metrics.ts', 'src/observability/state-metrics.ts'].map((file) => readFileSync(file, 'utf8')).join('\n');
    const known = new Set(['le', 'instance', ...[...sources.matchAll(/'(\w+)'/g)].map(([, word]) => word!)]);
    expect(expressions.flatMap(([, expr]) => labelsIn(expr)).filter((label) => !known.has(label))).toEqual([]);
  });

  it('is a dashboard that Grafana takes: ids are unique, panels do not overlap, the data source is a variable', () => {
    expect(dashboard).toMatchObject({ uid: 'triad', title: 'Triad', schemaVersion: expect.any(Number) });
    expect(dashboard.templating.list).toContainEqual(expect.objectContaining({ name: 'datasource', type: 'datasource' }));
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`));
    expect(new Set(cells).size).toBe(cells.length);
    for (const panel of dashboard.panels) {
      expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
      for (const { datasource } of panel.targets ?? []) expect(datasource.uid).toBe('${datasource}');
    }
  });

  it('shows every metric of the service\'s own', () => {
    const shown = expressions.flatMap(([, expr]) => metricsIn(expr)).map((name) => name.replace(/_(bucket|count|sum)$/, ''));
    const own = [...text.matchAll(/^# TYPE (triad_\S+)/gm)].map(([, name]) => name!);
    expect(own.filter((name) => !shown.includes(name.replace(/_(bucket|count|sum)$/, '')))).toEqual([]);
  });

  it('says in the guide what to do about each alert', () => {
    expect(alerts.length).toBeGreaterThan(5);
    expect(alerts.length).toBe(rules.match(/- alert:/g)!.length);
    const guide = readFileSync('docs/guides/operations.md', 'utf8');
    expect(alerts.map(({ name }) => name).filter((name) => !guide.includes(name))).toEqual([]);
  });
});
