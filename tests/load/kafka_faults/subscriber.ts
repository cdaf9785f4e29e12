/** A client that is subscribed to its notifications, and what it was sent. */
import { CursorCodec } from "../../../src/log/cursor.ts";
import type { Service } from "../../../src/service.ts";
import { type Client, connect, type Frame } from "../../_support/clients/client.ts";
import { until } from "../../_support/queue.ts";
import { PARTITIONS, type Written } from "./stage.ts";

const LIST = { where: { types: [] } };
/** An offset that no log here reaches, so that the leaders have to be asked about it. */
const AHEAD = 1000;
/** Milliseconds between two looks at what was sent. */
const LOOK_MS = 50;

export type Subscriber = Awaited<ReturnType<typeof subscribe>>;

/** Subscribes a client of this service. */
export async function subscribe(
  client: Client,
  service: Pick<Service, "isDegraded" | "quarantine">,
) {
  await client.request("getMyNotifications", LIST);
  const pushes: Frame[] = [];

  async function look(): Promise<void> {
    pushes.push(...await client.pushesUntilIdle());
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }

  return {
    /** Waits until each of these records has come. */
    receive: (written: readonly Written[], timeoutMs: number) =>
      until("all records were pushed", async () => {
        await look();
        const [record] = service.quarantine.records;
        if (record) throw new Error(`A good record was set aside: ${JSON.stringify(record)}`);
        const ids = new Set(pushes.map(({ id }) => id));
        return written.every(({ id }) => ids.has(id));
      }, timeoutMs).catch((error) => {
        const got = pushes.map(({ status, id = "" }) => `${status} ${id}`).join(", ");
        throw new Error(
          `${error.message}: ${written.map(({ id }) => id).join(", ")}; came: ${got}`,
        );
      }),
    /** Waits until the stream is live, and the client knows it. */
    live: (timeoutMs: number) =>
      until("the stream is live", async () => {
        await look();
        const last = pushes.findLast(({ event }) => event === "stream");
        return !service.isDegraded && last?.status !== "degraded";
      }, timeoutMs),
    /** @throws {Error} A record came twice, or out of order, or the client was told of a loss */
    check(written: readonly Written[], { mayResync }: { mayResync: boolean }): void {
      const others = pushes.flatMap(({ event, status }) =>
        event === "stream" || status === "update" ? [] : [status]
      );
      const resyncs = others.filter((status) => status === "resync").length;
      // One for each partition.
      const mayBe = mayResync ? PARTITIONS : 0;
      if (resyncs > mayBe || resyncs < others.length) {
        throw new Error(`The client got ${others.length} ${[...new Set(others)].join(", ")}`);
      }
      for (const start of ["0-", "1-"]) {
        const of = (records: readonly { id?: string }[]) =>
          records.flatMap(({ id = "" }) => id.startsWith(start) ? [id] : []).join(", ");
        const [came, owed] = [of(pushes), of(written)];
        if (came !== owed) throw new Error(`Owed ${owed}; came ${came}`);
      }
    },
    /**
     * Lets another client resume with a cursor of the future, so that the leaders are asked for the ends
     * of the log. Gives a function that waits for its reply.
     */
    async askAhead(url: string, topic: string) {
      const other = await connect(url, { token: "alice" });
      const positions = Array<number>(PARTITIONS).fill(AHEAD);
      const codec = new CursorCodec({ name: topic, id: null });
      const since = codec.encode({ positions, times: [], timeMs: Date.now() });
      const reply = other.request("getMyNotifications", { ...LIST, since });
      reply.catch(() => {});
      return async () => {
        const { status, recovered } = await reply;
        await other[Symbol.asyncDispose]();
        if (status !== "ok" || recovered) throw new Error(`A cursor of the future got ${status}`);
      };
    },
  };
}
