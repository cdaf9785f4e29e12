import { assertEquals } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import { createChangedReader } from "../_support/service/changed_reader.ts";
import { startWss } from "../_support/service/wss.ts";

/** A service, and a log whose producers can say of a record, by its offset, that it replays another one. */
async function startWithClaims() {
  const log = createEmbeddedLog();
  const claims = new Map<number, string>();
  const wss = await startWss({
    log,
    createReader: () =>
      createChangedReader(log, (events) => ({
        ...events,
        onRecord: (record) => {
          const replays = claims.get(record.offset);
          return events.onRecord(replays ? { ...record, headers: { replays } } : record);
        },
      })),
  });
  return {
    /** By offset, whether a record counts as replayed. */
    async replayed(): Promise<boolean[]> {
      const { records } = await wss.admin.get("/quarantine");
      return records.map(({ replayed }: { replayed: boolean }) => replayed);
    },
    publish(value: string, claim?: string) {
      const { positions: [next = 0] } = wss.service.stream;
      if (claim) claims.set(next, claim);
      log.publish(value);
    },
    async replay(offset: number): Promise<number> {
      const place = { partition: 0, offset, dryRun: false };
      return (await wss.admin.post("/quarantine/replay", place)).status;
    },
    [Symbol.asyncDispose]: () => wss[Symbol.asyncDispose](),
  };
}

Deno.test("[KAF6] a producer that says that its record is a replay does not keep any record from being replayed", async () => {
  await using service = await startWithClaims();
  service.publish("{", "0-0"); // itself
  service.publish("{", "0-2"); // one that comes later
  service.publish("{1", "0-0"); // another value
  service.publish("{", "1-0"); // one of another partition
  service.publish('{"type":"notification","document":{"userId":"42","type":"a"}}', "0-0");
  assertEquals(await service.replayed(), [false, false, false, false]);

  for (const offset of [0, 1, 2, 3]) assertEquals(await service.replay(offset), 200);
  assertEquals((await service.replayed()).slice(0, 4), [true, true, true, true]);
});

Deno.test("[KAF6] a record that is in the log again is not written once more, whoever wrote it", async () => {
  await using service = await startWithClaims();
  service.publish("{");
  service.publish("{", "0-0");
  assertEquals(await service.replayed(), [true, false]);
  assertEquals(await service.replay(0), 409);
});

Deno.test("[KAF6] a replay that fails again can be replayed as the record that it is", async () => {
  await using service = await startWithClaims();
  service.publish("{");
  assertEquals([await service.replay(0), await service.replay(0)], [200, 409]);
  assertEquals([await service.replay(1), await service.replay(1)], [200, 409]);
  assertEquals(await service.replayed(), [true, true, false]);
});
