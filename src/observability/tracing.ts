import { loadConfig } from '../config/config.js';

/** Routes that are asked every few seconds, and tell nothing about a request. */
const PROBES = /^\/(health\/|metrics$)/;

/**
 * Exports OpenTelemetry traces (OTLP over HTTP, JSON) when OTEL_EXPORTER_OTLP_ENDPOINT is set; the other standard variables
 * count too, save the service's name. Off, it loads nothing, and what the service says to OpenTelemetry's API is a no-op.
 *
 * HTTP, GraphQL, Postgres and outgoing calls are instrumented by OpenTelemetry's own packages, which patch CommonJS modules
 * as they are loaded: await this before anything else is imported.
 * @returns sends what has not been sent; to be awaited before the process ends
 */
export async function startTracing(serviceName: 'triad-api' | 'triad-worker'): Promise<() => Promise<void>> {
  if (!loadConfig().OTEL_EXPORTER_OTLP_ENDPOINT) return () => Promise.resolve();
  const [{ NodeSDK }, { OTLPTraceExporter }, { HttpInstrumentation }, { GraphQLInstrumentation }, { PgInstrumentation }, { UndiciInstrumentation }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/instrumentation-http'),
    import('@opentelemetry/instrumentation-graphql'),
    import('@opentelemetry/instrumentation-pg'),
    import('@opentelemetry/instrumentation-undici'),
  ]);
  const sdk = new NodeSDK({
    serviceName,
    traceExporter: new OTLPTraceExporter(),
    metricReaders: [], // Prometheus has them
    logRecordProcessors: [],
    instrumentations: [
      new HttpInstrumentation({ ignoreIncomingRequestHook: ({ url }) => PROBES.test(url ?? ''), requireParentforOutgoingSpans: true }),
      new GraphQLInstrumentation({ ignoreResolveSpans: true }),
      // Without a parent it is the service's own polling. Values of parameters are not exported.
      new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
      new UndiciInstrumentation({ requireParentforSpans: true }),
    ],
  });
  sdk.start();
  return () => sdk.shutdown().catch((error: unknown) => console.error(`The last traces were not sent: ${String(error)}`));
}
