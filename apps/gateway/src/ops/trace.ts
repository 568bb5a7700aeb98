/** Spans by the OpenTelemetry API alone: without an SDK, which is the operator's choice, they cost nothing. */
import { SpanStatusCode, trace, type Attributes } from "@opentelemetry/api";

const tracer = trace.getTracer("@lathe/gateway");

/** Runs `work` in a span of that name; `result` adds what is known only at the end. */
export function traced<T>(name: string, attributes: Attributes, work: () => Promise<T>, result: (value: T) => Attributes = () => ({})): Promise<T> {
  return tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      const value = await work();
      span.setAttributes(result(value));
      return value;
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
