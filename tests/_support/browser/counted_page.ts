/** The page of `deno task dev`, served in this process, with a demo backend whose calls are counted. */
import { createDemoBackend, type Publish } from "../../../src/dev/demo_backend.ts";
import { createEmbeddedLog } from "../../../src/dev/embedded_log.ts";
import { createPage } from "../../../src/dev/page.ts";
import { startService } from "../../../src/service.ts";
import { testSettings } from "../service/settings.ts";
import { startWindows } from "./windows.ts";

export async function startCountedPage() {
  await using started = new AsyncDisposableStack();
  const log = createEmbeddedLog();
  const publish: Publish = (value) => log.publish(value);
  const demoBackend = createDemoBackend(publish);
  /** When the service asked, by `performance.now()`, and what. */
  const calls: { readonly at: number; readonly url: string }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname, search } = new URL(request.url);
    calls.push({ at: performance.now(), url: pathname + search });
    return demoBackend(request);
  });
  started.defer(() => server.shutdown());
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const settings = testSettings(origin, {
    API_URL_USER: new URL(`${origin}/users/me`),
    API_URL_NOTIFICATION: new URL(`${origin}/users/me/notifications`),
  });
  const service = startService(settings, log.createReader(), { fallback: createPage(demoBackend) });
  started.defer(() => service.stop());
  await service.ready;
  const windows = started.use(await startWindows());
  const resources = started.move();

  return {
    calls,
    open: () => windows.open(`http://127.0.0.1:${service.address.port}/`),
    /** Creates a notification for Alice at the demo backend, which publishes it. */
    async create(text: string) {
      const body = JSON.stringify({ type: "message", data: { text } });
      const request = new Request(`${origin}/notifications`, { method: "POST", body });
      await (await demoBackend(request)).body?.cancel();
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
