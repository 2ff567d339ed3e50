import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const module = new URL('./telemetry.ts', import.meta.url).href;
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

async function run(program: string): Promise<unknown> {
  const text = `
    import { registerHooks } from 'node:module';
    let large = false;
    registerHooks({ load: (url, more, next) => { large ||= url.includes('/sdk-node/'); return next(url, more); } });
    const { startTelemetry } = await import(${JSON.stringify(module)});
    const { context, propagation, trace, ROOT_CONTEXT } = await import('@opentelemetry/api');
    ${program}`;
  const folder = new URL('./', import.meta.url);
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', text];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
  return JSON.parse(stdout);
}

test('without an endpoint, spans carry the trace on, and nothing that exports is loaded', async () => {
  const said = await run(`
    await using _telemetry = await startTelemetry('runner', false);
    const parent = propagation.extract(ROOT_CONTEXT, { traceparent: '${traceparent}' });
    const span = trace.getTracer('vm-task').startSpan('handled', {}, parent);
    const carrier = await context.with(trace.setSpan(parent, span), async () => {
      await new Promise((resolve) => setImmediate(resolve));
      const headers = {};
      propagation.inject(context.active(), headers);
      return headers;
    });
    console.log(JSON.stringify({ carrier, recording: span.isRecording(), large }));`);
  expect(said).toEqual({
    carrier: {
      traceparent: expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/),
    },
    recording: true,
    large: false,
  });
});
