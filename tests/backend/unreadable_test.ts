import { configure, type LogRecord, reset } from "@logtape/logtape";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { whyNotFetched } from "../../src/backend/unreadable.ts";
import { freePort } from "../_support/network/free_port.ts";
import { startRawServer } from "../_support/network/raw_server.ts";
import { startWss } from "../_support/service/wss.ts";

/** The end of a URL with secrets and personal data, and with brackets, which need no escape there. */
const END = "users(1)?key=a)s3cr3t) (s3cr3t:)&mail=(s3cr3t";

Deno.test("[ERR3] why a fetch failed is told without its URL, whatever the URL has", async () => {
  await using broken = startRawServer("");
  await using garbage = startRawServer("s3rver\r\n\r\n");
  for (
    const [base, reason] of [
      [
        `http://127.0.0.1:${freePort()}/`,
        /^error sending request: client error \(Connect\): .*Connection refused/,
      ],
      ["http://no.such.host.invalid/", /^error sending request: .*dns error/],
      [
        broken.url,
        /^error sending request from 127.0.0.1:\d+ \(127.0.0.1:\d+\): .*connection closed/,
      ],
      [garbage.url, /^error sending request from .*: .*invalid HTTP version/],
      [garbage.url.replace("http:", "https:"), /^error sending request: .*InvalidContentType/],
    ] as const
  ) {
    for (const end of [END, `${END}:`, `${END})`, "a"]) {
      const told = whyNotFetched(await assertRejects(() => fetch(base + end)));

      assertMatch(told, reason);
      assert(!/s3cr3t|https?:/.test(told), told);
    }
  }
});

Deno.test("[ERR3] the log says why an API gave no whole answer, without the URL", async () => {
  const lines: LogRecord[] = [];
  await configure({
    sinks: { lines: (line) => lines.push(line) },
    loggers: [
      { category: ["wss", "backend"], sinks: ["lines"], lowestLevel: "debug" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
    ],
  });
  try {
    const url = new URL(`http://127.0.0.1:${freePort()}/${END}`);
    await using wss = await startWss({ settings: { API_URL_NOTIFICATION: url } });
    await using client = await wss.connect("/web", { token: "alice" });
    const where = { types: ["health-s3cr3t"] };
    const { status } = await client.request("getMyNotifications", { where });
    assertEquals(status, "error");

    const found = lines.filter(({ level }) => level === "debug");
    assertEquals(found.map(({ properties }) => properties["host"]), [url.host, url.host, url.host]);
    for (const { properties } of found) {
      assertMatch(String(properties["reason"]), /Connection refused/);
    }
    for (const { message, properties } of lines) {
      const text = `${message.join("")} ${Deno.inspect(properties)}`;
      assert(!text.includes("s3cr3t"), text);
    }
  } finally {
    await reset();
  }
});
