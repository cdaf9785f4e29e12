import { assert, assertEquals } from "@std/assert";
import { openStream, streamUrl } from "../../_support/clients/event_client.ts";
import { createTopic, kafkaTest } from "../../_support/kafka/topic.ts";
import { until } from "../../_support/queue.ts";
import { startBackend } from "../../_support/service/backend.ts";
import { startProcess } from "../../_support/service/process.ts";
import { testEnvironment } from "../../_support/service/settings.ts";

const STREAMS = 100;

/** Reads the user's stream until a payload has come, on one instance after the other. */
async function readUntil(
  last: unknown,
  { urls, onOpen }: { urls: string[]; onOpen: () => void },
) {
  const payloads: unknown[] = [];
  const retries: number[] = [];
  let lastEventId: string | undefined;
  for (const url of urls) {
    await using stream = await openStream(url, { token: "alice", lastEventId });
    const { recovered } = await stream.next();
    assertEquals(recovered, lastEventId === undefined ? undefined : true);
    onOpen();
    while (payloads.at(-1) !== last) {
      const event = await stream.nextEvent();
      if (event.name === "close") {
        assertEquals(event.data, '{"code": 1012}');
        retries.push(event.retry ?? NaN);
        break;
      }
      const { status, payload } = JSON.parse(event.data);
      if (status === "update") payloads.push(payload);
    }
    lastEventId = stream.lastId;
  }
  return { payloads, retries };
}

kafkaTest(
  "[HTTP3][HTTP4][LIFE4] 100 streams that are sent away go on at another instance, and miss nothing",
  async () => {
    await using topic = await createTopic({ partitions: 3 });
    await using backend = startBackend({ users: { alice: "42" } });
    const env = { ...testEnvironment(backend.origin), ...topic.env, DRAIN_SECONDS: "1" };
    await using wss = await startProcess({ env });
    await using next = await startProcess({ env });
    const [first = "", second = ""] = [await wss.port(), await next.port()].map((port) =>
      streamUrl(`http://127.0.0.1:${port}/web`, "getMyNotifications", { where: { types: [] } })
    );
    await Promise.all([wss.line(/Ready/), next.line(/Ready/)]);
    const publish = (data: unknown) =>
      topic.produce([{ type: "notification", document: { userId: "42", type: "a", data } }]);

    let opened = 0;
    const onOpen = () => opened++;
    const reading = Promise.all(
      Array.from(
        { length: STREAMS },
        () => readUntil("the end", { urls: [first, second], onOpen }),
      ),
    );
    // What is read before a stream is open is in its list only.
    await until("all streams are open", () => opened === STREAMS);
    await using witness = await openStream(second, { token: "alice" });
    await witness.next();
    for (let n = 0; n < 3; n++) await publish(n);
    while ((await witness.next()).payload !== 2);
    wss.kill("SIGTERM");
    let isOver = false;
    const over = wss.exitCode().finally(() => isOver = true);
    let n = 3;
    while (!isOver) await publish(n++);
    await publish("the end");

    const results = await reading;
    assertEquals(await over, 0);
    for (const { payloads, retries } of results) {
      assertEquals(payloads.toSorted(), [...Array(n).keys(), "the end"].toSorted());
      assert(retries.length === 1 && retries.every((ms) => ms >= 0 && ms <= 1000), `${retries}`);
    }
  },
);
