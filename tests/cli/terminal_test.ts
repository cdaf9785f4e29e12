import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createStateDescriber } from "../../src/cli/states.ts";
import { fakeServiceClock } from "../_support/clock.ts";
import { canHaveTerminal, type ProcessOptions, startProcess } from "../_support/service/process.ts";
import { createMuteReader } from "../_support/service/changed_reader.ts";
import { startScriptedService } from "../_support/service/scripted_service.ts";
import { startWss } from "../_support/service/wss.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const COUNT = { command: "getMyNotificationsCount", options: { where: {}, status: "unseen" } };
const ALL = { where: { types: [] }, status: "unseen" };
const message = (data: unknown) => ({ userId: "42", type: "message", data });

/** A client as a process. */
function startClient(args: string[], options: ProcessOptions = {}) {
  return startProcess({ ...options, args: ["connect", ...args] });
}

/** Runs a command line to its end. */
async function run(args: string[], env: Record<string, string> = {}) {
  await using wss = await startProcess({ args, env });
  return { code: await wss.exitCode(), out: wss.said, err: wss.complaints };
}

Deno.test("connect prints the list, the pushes and the states of the connection, one line each", async () => {
  await using wss = await startWss();
  wss.backend.on(
    "GET /notification",
    () => Response.json({ total: 9, items: [{ id: "n1" }, { id: "\u009b\n2" }] }),
  );
  await using client = await startClient([`${wss.ws}/web`, "--token", "alice"]);
  await client.line(/ list {3}.*u009b/);
  wss.publish("notification", message({ text: "Hello" }));
  await client.line(/ update /);
  client.kill("SIGINT");

  assertEquals(await client.exitCode(), 0);
  assertEquals(client.said.map((line) => line.replace(/^\d\d:\d\d:\d\d /, "")), [
    'list   {"id":"n1"}',
    'list   {"id":"\\u009b\\n2"}',
    'update {"text":"Hello"}',
  ]);
  assertEquals(client.complaints, [`Connecting to ${wss.ws}/web`, "Open", "Closed"]);
});

Deno.test("connect --json prints JSON lines, only of the given --types", async () => {
  await using wss = await startWss();
  await using client = await startClient(
    [`${wss.ws}/web`, "--token", "alice", "--types", "message,offer", "--json"],
  );
  const list = await client.line(/list/);
  wss.publish("notification", { userId: "42", type: "other", data: 1 });
  wss.publish("notification", { userId: "42", type: "offer", data: 2 });

  assertEquals(JSON.parse(list), { kind: "list", items: [{ id: "n1" }] });
  assertEquals(JSON.parse(await client.line(/update/)), { kind: "update", data: 2 });
  assertEquals(client.said.length, 2);
  assert(wss.backend.calls.some(({ url }) => url === "/notification?type=message&type=offer"));
});

Deno.test("commands from stdin are answered in order, and a wrong line is reported and skipped", async () => {
  await using wss = await startWss();
  await using client = await startClient([`${wss.ws}/mobile`, "--token", "alice", "--json"]);
  await client.line(/list/);
  await client.type([
    JSON.stringify({ ...COUNT, options: ALL }),
    "count!",
    "",
    JSON.stringify({ command: "" }),
    JSON.stringify({ command: "a", options: "b" }),
    JSON.stringify({ command: "getTournament", options: { where: { id: "cup" } } }),
    JSON.stringify(COUNT),
    JSON.stringify({ command: "nope" }),
  ].join("\r\n"));
  await client.endInput();
  await client.line(/unsupported-command/);
  client.kill("SIGINT");
  await client.exitCode();

  const [, count, tournament, invalid, unsupported] = client.said.map((line) => JSON.parse(line));
  assertEquals(count, { kind: "reply", command: COUNT.command, payload: { total: 3 } });
  assertEquals(tournament, { kind: "reply", command: "getTournament", payload: { id: "cup" } });
  assertEquals({
    kind: invalid.kind,
    command: invalid.command,
    slug: invalid.slug,
    temporary: invalid.temporary,
  }, { kind: "error", command: COUNT.command, slug: "invalid-options", temporary: false });
  assertMatch(invalid.message, /options\.where\.types/);
  assertEquals(unsupported.command, "nope");
  const wrong = client.complaints.filter((line) => line.startsWith("Cannot"));
  assertEquals(wrong.map((line) => line.replace(/ such as .*/, "")), [
    "Cannot take a line of 6 characters as a command: it is not JSON, expected JSON",
    "Cannot take a line of 14 characters as a command: it has no command, expected JSON",
    "Cannot take a line of 29 characters as a command: its options are not an object, expected JSON",
  ]);
});

Deno.test("the end of stdin does not end connect, but a signal does", async () => {
  await using wss = await startWss();
  await using client = await startClient([`${wss.ws}/web`, "--token", "alice", "--json"]);
  await client.type(JSON.stringify({ ...COUNT, options: ALL }));
  await client.endInput();
  await client.line(/"reply"/);
  wss.publish("notification", message("later"));
  await client.line(/later/);
  client.kill("SIGTERM");
  assertEquals(await client.exitCode(), 0);
});

Deno.test("--token - reads the token from the first line of stdin, and commands from the next lines", async () => {
  await using wss = await startWss();
  await using client = await startClient([`${wss.ws}/web`, "--token", "-", "--json"]);
  await client.type(`alice\n${JSON.stringify({ ...COUNT, options: ALL })}\n`);
  await client.line(/"reply"/);
  assert(wss.backend.calls.every(({ authorization }) => authorization === "alice"));

  await using empty = await startClient([`${wss.ws}/web`, "--token", "-"]);
  await empty.endInput();
  assertEquals(await empty.exitCode(), 2);
  assertEquals(empty.complaints, [
    "--token is -: expected the token as the first line of stdin. See wss connect --help",
  ]);
});

Deno.test("a guest may connect, and gets the pushes that its commands subscribe to", async () => {
  await using wss = await startWss();
  await using client = await startClient([`${wss.ws}/mobile`, "--json"]);
  await client.line(/Open as a guest/);
  const where = { from: 1, to: 2, timezone: "UTC" };
  await client.type(`${JSON.stringify({ command: "getSchedules", options: { where } })}\n`);
  const reply = JSON.parse(await client.line(/getSchedules/));
  const id = wss.publish("update_subscription", { resource: "schedule", data: "goal" });
  const push = JSON.parse(await client.line(/goal/));

  assertEquals(reply, { kind: "reply", command: "getSchedules", payload: [{ id: "s1" }] });
  assertMatch(push.event, /^[0-9a-f]{32}$/);
  assertEquals(push, { kind: "push", event: push.event, status: "update", payload: "goal", id });
});

Deno.test("a guest that logs in by a command gets the list", async () => {
  await using wss = await startWss();
  await using client = await startClient([`${wss.ws}/web`, "--json"]);
  for (const [authToken, user] of [["alice", "42"], ["bob", "43"]]) {
    const command = { command: "authentication", options: { authToken } };
    await client.type(`${JSON.stringify(command)}\n`);
    await client.line(/"list"/);
    wss.publish("notification", { userId: user, type: "message", data: `for ${authToken}` });
    await client.line(new RegExp(`"update".*for ${authToken}`));
  }
  const [{ id }] = (await wss.admin.get("/sessions")).sessions;
  await wss.admin.post(`/sessions/${id}/close`);
  wss.publish("notification", { userId: "42", type: "message", data: "for alice, logged out" });
  wss.publish("notification", { userId: "43", type: "message", data: "for bob again" });
  await client.line(/"update".*for bob again/);
  assert(!client.said.some((line) => line.includes("logged out")));
});

/** What could control a terminal, or turn the direction of its text. */
// deno-lint-ignore no-control-regex
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

Deno.test("control characters in foreign text are escaped, so that they do not reach the terminal", async () => {
  await using wss = await startWss();
  const message = "\x1b[2J\u009b2J\n\u007f\u202egnp\u2066\u200f\u061c";
  wss.backend.on("GET /notification", () => Response.json([{ message }]));
  wss.backend.on("GET /tournament", () => Response.json({ message }, { status: 400 }));
  await using client = await startClient([`${wss.ws}/mobile`, "--token", "alice", "--json"]);
  const list = await client.line(/"list"/);
  await client.type('{"command": "getTournament", "options": {"where": {"id": "cup"}}}\n');
  const error = await client.line(/"error"/);
  wss.backend.on("GET /notification", () => Response.json({ message }, { status: 400 }));
  await using refused = await startClient([`${wss.ws}/web`, "--token", "alice"]);
  const ended = await refused.line(/The list ended/);

  for (const line of [list, error, ended]) {
    assert(!CONTROLS.test(line), JSON.stringify(line));
  }
  assertEquals(JSON.parse(list).items, [{ message }]);
  assert(ended.includes("\\u001b"), ended);
});

Deno.test("connect says why it was disconnected, and goes on with what it missed", async () => {
  await using wss = await startWss();
  await using client = await startClient([`${wss.ws}/web`, "--token", "alice", "--json"]);
  await client.line(/list/);
  wss.backend.forget();
  const [{ id }] = (await wss.admin.get("/sessions")).sessions;
  await wss.admin.post(`/sessions/${id}/close`);
  wss.publish("notification", message("missed"));
  await client.line(/missed/);
  client.kill("SIGINT");
  await client.exitCode();

  assertMatch(client.complaints[2] ?? "", /^Disconnected, 1012.*: connecting again in \d\.\d s$/);
  assertEquals(client.complaints.slice(3), [`Connecting to ${wss.ws}/web`, "Open", "Closed"]);
  assertEquals(client.said.length, 2);
  assert(wss.backend.calls.every(({ url }) => !url.startsWith("/notification")));
});

Deno.test("connect says when the service is degraded, and when it no longer is", async () => {
  using clock = fakeServiceClock();
  const stream = createMuteReader();
  await using wss = await startWss({
    ...stream,
    settings: { DEGRADED_AFTER_SECONDS: 15, CURSOR_SECONDS: 25 },
  });
  await using client = await startClient([`${wss.ws}/web`, "--token", "alice"]);
  await client.line(/list/);
  stream.isReachable = false;
  clock.tick(16_000);
  await client.line(/^Degraded: new notifications may be late/);
  stream.isReachable = true;
  clock.tick(1000);
  await client.line(/^No longer degraded$/);
  assertEquals(client.complaints.length, 4);
});

Deno.test("connect without a service says so, and tries again until a signal ends it", async () => {
  const wss = await startWss();
  await wss[Symbol.asyncDispose]();
  await using client = await startClient([`${wss.ws}/web`]);
  await client.line(/^Cannot connect .*: trying again in \d\.\d s$/);
  await client.line(/^Connecting to/);
  client.kill("SIGINT");
  assertEquals(await client.exitCode(), 0);
});

/** A service that only sends these frames. */
function serveFrames(frames: readonly string[]) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "wss.v1" });
    socket.onopen = () => frames.forEach((frame) => socket.send(frame));
    return response;
  });
  return {
    url: `ws://127.0.0.1:${server.addr.port}/web`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const PUSH = { rid: -1, event: "e", status: "update", payload: 1 };

Deno.test("connect ignores messages that are no frames", async () => {
  await using service = serveFrames(["{", "null", "[]", "", JSON.stringify(PUSH)]);
  await using client = await startClient([service.url, "--json"]);
  await client.line(/"push"/);
  client.kill("SIGINT");
  assertEquals(await client.exitCode(), 0);
  assertEquals(client.said.length, 1);
  assertEquals(client.complaints.at(-1), "Closed");
});

Deno.test({
  name: "connect ends with exit code 1 if stdout cannot be written",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using service = serveFrames([JSON.stringify(PUSH), JSON.stringify(PUSH)]);
    const command = [Deno.execPath(), "run", "-A", MAIN, "connect", service.url, "--json"];
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", 'exec "$@" > /dev/full', "sh", ...command],
      stdin: "null",
    }).output();
    const complaints = new TextDecoder().decode(stderr).trimEnd().split("\n");
    assertEquals(code, 1);
    assertMatch(complaints[2] ?? "", /^Cannot write to stdout: /);
    assertEquals(complaints.slice(3), ["Closed"]);
  },
});

Deno.test("connect closes its connection with 1000 at the end", async () => {
  const closed = Promise.withResolvers<number>();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "wss.v1" });
    socket.onclose = ({ code }) => closed.resolve(code);
    return response;
  });
  await using client = await startClient([`ws://127.0.0.1:${server.addr.port}/web`]);
  await client.line(/Open/);
  client.kill("SIGINT");
  assertEquals([await client.exitCode(), await closed.promise], [0, 1000]);
});

Deno.test("a refused token, a final close and a logout message end connect with exit code 1", async () => {
  await using wss = await startWss();
  const refused = await run(["connect", `${wss.ws}/web`, "--token", "mallory"]);
  assertEquals([refused.code, refused.out], [1, []]);
  assertMatch(refused.err.at(-1) ?? "", /^The token was refused, 4401/);
  assertEquals(refused.err.slice(0, -1), [`Connecting to ${wss.ws}/web`, "Open"]);

  await using service = startScriptedService();
  await using abusive = await startClient([`${service.ws}/web`, "--token", "alice"]);
  (await service.socket()).close(4029, "Too many requests");
  assertEquals(await abusive.exitCode(), 1);
  assertEquals(abusive.complaints.at(-1), "Closed for good, 4029 Too many requests");

  await using out = await startClient([`${wss.ws}/web`, "--token", "alice"]);
  await out.line(/list/);
  wss.backend.on("GET /user", () => Response.json({}, { status: 401 }));
  wss.publish("logout", { userId: "42" });
  assertEquals(await out.exitCode(), 1);
  assert(out.complaints.some((line) => line.includes("The user was logged out")));
  assertMatch(out.complaints.at(-1) ?? "", /^The token was refused, 4401/);
});

Deno.test("[FRM2] a command that is too large is an error, and connect goes on", async () => {
  await using wss = await startWss({ settings: { MAX_MESSAGE_BYTES: 500 } });
  await using client = await startClient([`${wss.ws}/web`, "--token", "alice"]);
  await client.line(/list/);
  await client.type(`${JSON.stringify({ command: "x".repeat(600) })}\n`);
  await client.line(/error .*The request has more/);
  wss.publish("notification", message({ text: "goes on" }));
  await client.line(/goes on/);
  client.kill("SIGINT");

  assertEquals(await client.exitCode(), 0);
});

Deno.test("connect says whether it goes over HTTP", () => {
  const describe = createStateDescriber({ url: new URL("ws://a/web"), isGuest: () => false });
  const open = { state: "open", transport: "http", degraded: false, last: null } as const;
  assertEquals(describe(open), "Open, over HTTP, because no WebSocket comes through");
});

Deno.test("a list that is refused ends connect with exit code 1", async () => {
  await using wss = await startWss();
  wss.backend.on("GET /notification", () => Response.json({}, { status: 403 }));
  const { code, out, err } = await run(["connect", `${wss.ws}/web`, "--token", "alice"]);
  assertEquals([code, out], [1, []]);
  assertMatch(err.find((line) => line.startsWith("The list ended: ")) ?? "", /forbidden/);
});

const WRONG: Record<string, string[]> = {
  "The URL is missing: expected a URL such as ws": ["connect"],
  "The URL is wrong, its 11 characters are not a URL": ["connect", "example.com"],
  "The URL is wrong, its scheme is not ws or wss: expected": ["connect", "http://a/web?t=secret"],
  "The URL is wrong, its scheme is not": ["connect", "alice:secret@example.com/web"],
  "The URL is wrong, it has a user": ["connect", "ws://alice:secret@a/web?t=secret"],
  "The URL is wrong, it has a fragment": ["connect", "ws://a/web?t=secret#secret"],
  "Unknown argument 'b': expected one URL and --token, --types": ["connect", "ws://a", "b"],
  "Unknown option '--user': expected --token, --types": ["connect", "ws://a", "--user", "1"],
  "Option '--token <value>' argument missing. See": ["connect", "ws://a", "--token"],
  '--token is "": expected a token': ["connect", "ws://a", "--token", ""],
  '--types is "a,,b": expected types': ["connect", "ws://a", "--token", "t", "--types", "a,,b"],
  "--types needs a user: expected --token as well": ["connect", "ws://a", "--types", "a"],
  "--user is missing: expected the id of a user": ["publish", "--type", "a", "--data", "1"],
  "--type is missing: expected the type of": ["publish", "--user", "1", "--data", "1"],
  "--data is missing: expected JSON": ["publish", "--user", "1", "--type", "a"],
  "--data is '{a}': expected JSON": ["publish", "--user", "1", "--type", "a", "--data", "{a}"],
  "Unknown argument 'now': expected --user, --type, --data": ["publish", "now"],
};
for (const [said, args] of Object.entries(WRONG)) {
  Deno.test(`wss ${args.map((arg) => arg || '""').join(" ")} is an error with exit code 2`, async () => {
    const { code, out, err } = await run(args);
    assertEquals({ code, out, errors: err.length }, { code: 2, out: [], errors: 1 });
    assert(err[0]?.startsWith(said), err[0]);
    assert(!err[0]?.includes("secret"), err[0]);
    assert(err[0]?.endsWith(`See wss ${args[0]} --help`), err[0]);
  });
}

Deno.test("connect and publish have a --help of their own", async () => {
  for (
    const [command, options] of [["connect", ["URL", "--token", "--types", "--json"]], [
      "publish",
      ["--user", "--type", "--data"],
    ]] as const
  ) {
    const { code, out, err } = await run([command, "--help"]);
    assertEquals([code, err], [0, []]);
    for (const told of [`Usage: wss ${command}`, ...options]) {
      assert(out.join("\n").includes(told), told);
    }
  }
});

Deno.test({
  name: "on a terminal, connect uses colours unless NO_COLOR is set, and Ctrl-C and Ctrl-D end it",
  ignore: !await canHaveTerminal(),
  async fn() {
    await using wss = await startWss();
    const args = [`${wss.ws}/web`, "--token", "alice"];
    for (
      const [env, key, isColored] of [
        [{}, "\x03", true],
        [{ NO_COLOR: "1" }, "\x04", false],
      ] as const
    ) {
      await using client = await startClient(args, { env, hasTerminal: true });
      const list = await client.line(/n1/);
      assertEquals(list.includes("\x1b["), isColored, list);
      await client.type(key);
      assertEquals(await client.exitCode(), 0);
    }
  },
});

Deno.test({
  name: "a token that is typed on a terminal is not shown",
  ignore: !await canHaveTerminal(),
  async fn() {
    await using wss = await startWss();
    await using client = await startClient([`${wss.ws}/web`, "--token", "-"], {
      hasTerminal: true,
    });
    await client.line(/Token/);
    await client.type("alice\r");
    await client.line(/n1/);
    await client.type("shown\r");
    await client.line(/^shown/);
    assert(!client.said.join().includes("alice"));
  },
});

Deno.test({
  name:
    "a token can be edited with backspace and Ctrl-U while it is typed, and Ctrl-D and Ctrl-C end it",
  ignore: !await canHaveTerminal(),
  async fn() {
    await using wss = await startWss();
    const args = [`${wss.ws}/web`, "--token", "-"];
    await using client = await startClient(args, { hasTerminal: true });
    await client.line(/Token/);
    await client.type("bob\x15\ralixz\x7f\bce\r");
    await client.line(/n1/);
    await client.type("\x04");
    assertEquals(await client.exitCode(), 0);
    assert(wss.backend.calls.every(({ authorization }) => authorization === "alice"));

    for (const keys of ["\x04", "ali\x04", "\x03"]) {
      await using ended = await startClient(args, { hasTerminal: true });
      await ended.line(/Token/);
      await ended.type(keys);
      assertEquals([await ended.exitCode(), ended.said.length], [0, 1]);
    }
  },
});
