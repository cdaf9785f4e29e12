/** Clients and proxies that others have written. Each is tested where it is installed. */
import { assertEquals } from "@std/assert";
import { openStream, post, streamUrl } from "../../_support/clients/event_client.ts";
import { openRawSocket } from "../../_support/clients/raw_socket.ts";
import { readLines } from "../../_support/lines.ts";
import { isInstalled, startStrippingProxy } from "../../_support/network/proxies.ts";
import { deadline, Queue } from "../../_support/queue.ts";
import { startTwo, startWss, type Wss } from "../../_support/service/wss.ts";

const ALICE = { token: "alice" };
const LIST = { where: { types: [] } };
const COUNT = { command: "getMyNotificationsCount", options: { ...LIST, status: "unread" } };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };

const publish = (wss: Wss, data: unknown) =>
  wss.publish("notification", { userId: "42", type: "a", data });
const notifications = (http: string) => streamUrl(`${http}/web`, "getMyNotifications", LIST);

for (const proxy of ["nginx", "haproxy"] as const) {
  const ignore = !isInstalled(proxy, ["-v"]) && Deno.env.get("CI") !== "true";

  Deno.test({
    name:
      `[HTTP1][HTTP3] behind ${proxy}, which lets no WebSocket through, nothing is lost over three cuts`,
    ignore,
    async fn() {
      await using wss = await startWss();
      await using front = await startStrippingProxy(proxy, wss.service.address.port);
      using socket = await openRawSocket(`${front.http.replace("http", "ws")}/web`);
      assertEquals(socket.head.includes("101 Switching"), false);
      let lastEventId: string | undefined;
      for (let n = 0; n < 4; n++) {
        await using stream = await openStream(notifications(front.http), {
          ...ALICE,
          lastEventId,
          headers: { "accept-encoding": "gzip, br" },
        });
        const { recovered } = await stream.next();
        if (n > 0) assertEquals([recovered, (await stream.next()).payload], [true, `missed ${n}`]);
        publish(wss, n);
        assertEquals((await stream.next()).payload, n);
        lastEventId = stream.lastId;
        await stream[Symbol.asyncDispose]();
        publish(wss, `missed ${n + 1}`);
      }
      const { status, reply } = await post(`${front.http}/web`, COUNT, ALICE);
      assertEquals([status, reply.payload], [200, { total: 3 }]);
    },
  });
}

/** Starts a program that prints lines. */
function startPrinting(program: string, args: string[]) {
  const child = new Deno.Command(program, { args, stdout: "piped", stderr: "null" }).spawn();
  const printed = new Queue<string>();
  const ended = readLines(child.stdout, (line) => printed.push(line))
    .finally(() => printed.end(new Error(`${program} has ended`)));
  return {
    nextLine: () => deadline(`a line of ${program}`, printed.next()),
    async [Symbol.asyncDispose]() {
      try {
        child.kill();
      } catch {
        // It has ended by itself.
      }
      await Promise.all([child.status, ended]);
    },
  };
}

Deno.test({
  name: "[HTTP2] curl -N prints each event as it comes",
  ignore: !isInstalled("curl", ["--version"]),
  async fn() {
    await using wss = await startWss();
    await using curl = startPrinting("curl", [
      ...["-sN", "-H", "Accept: text/event-stream", "-H", "Authorization: alice"],
      notifications(wss.http),
    ]);
    for (const payload of [[{ id: "n1" }], "new"]) {
      const [id = "", data = "", end] = [
        await curl.nextLine(),
        await curl.nextLine(),
        await curl.nextLine(),
      ];
      const frame = JSON.parse(data.slice("data: ".length));
      assertEquals([id, frame.payload, end], [`id: ${frame.cursor}`, payload, ""]);
      publish(wss, "new");
    }
  },
});

const PYTHON = `
import json, requests, sys
base = sys.argv[1]
headers = {"Authorization": "alice"}
request = json.loads(sys.argv[2])
answer = requests.post(base + "/web", json=request, headers=headers)
print(answer.status_code, json.dumps(answer.json()["payload"]), flush=True)
params = {"command": "getMyNotifications", "options": json.dumps({"where": {"types": []}})}
accept = {"Accept": "text/event-stream"}
with requests.get(base + "/web", params=params, headers=headers | accept, stream=True) as stream:
    for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
        if line.startswith("data: "):
            print(json.dumps(json.loads(line[6:])["payload"]), flush=True)
`;

Deno.test({
  name: "[HTTP1][HTTP2] Python's requests asks, and reads a stream",
  ignore: !isInstalled("python3", ["-c", "import requests"]),
  async fn() {
    await using wss = await startWss();
    await using python = startPrinting("python3", ["-c", PYTHON, wss.http, JSON.stringify(COUNT)]);
    assertEquals(await python.nextLine(), '200 {"total": 3}');
    assertEquals(await python.nextLine(), '[{"id": "n1"}]');
    publish(wss, "größer");
    assertEquals(JSON.parse(await python.nextLine()), "größer");
  },
});

Deno.test("[HTTP2][HTTP4] a plain EventSource gets a guest's schedule, and goes on by itself after a drain", async () => {
  await using two = await startTwo();
  let wss: Wss = two.one;
  // A balancer, which passes requests on to the instance that is there.
  await using balancer = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => {
      const { pathname, search } = new URL(request.url);
      return fetch(wss.http + pathname + search, {
        headers: request.headers,
        signal: request.signal,
      });
    },
  );
  const base = `http://127.0.0.1:${balancer.addr.port}/mobile`;
  const source = new EventSource(streamUrl(base, "getSchedules", SCHEDULE));
  const payloads = new Queue<unknown>();
  const closes = new Queue<string>();
  source.onmessage = ({ data }) => payloads.push(JSON.parse(data).payload);
  source.addEventListener("close", ({ data }) => closes.push(data));
  try {
    assertEquals(await deadline("the list", payloads.next()), [{ id: "s1" }]);
    wss.publish("update_subscription", { resource: "schedule", data: 1 });
    assertEquals(await deadline("a push", payloads.next()), 1);

    wss = two.two;
    const stopped = two.one.stop();
    assertEquals(await deadline("the drain", payloads.next()), { afterMs: 0 });
    assertEquals(await deadline("the end", closes.next()), '{"code": 1012}');
    wss.publish("update_subscription", { resource: "schedule", data: 2 });
    assertEquals(await deadline("the reply of a resume", payloads.next()), null);
    assertEquals(await deadline("what was missed", payloads.next()), 2);
    await stopped;
  } finally {
    source.close();
  }
});
