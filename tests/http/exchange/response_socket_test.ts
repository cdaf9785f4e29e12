import { assert, assertEquals } from "@std/assert";
import { EventWriter } from "../../../src/http/exchange/events.ts";
import { ResponseSocket } from "../../../src/http/exchange/response_socket.ts";
import { CLOSE } from "../../../src/protocol/close_codes.ts";
import { ok, replyFrame, toJson } from "../../../src/protocol/frames.ts";

Deno.test("[HTTP2] a reply that subscribes nothing begins no stream", async () => {
  const socket = new ResponseSocket(new EventWriter());
  const reply = ok(toJson({ total: 3 }));
  socket.replying(reply);
  socket.send(replyFrame(-1, "getMyNotificationsCount", reply));
  const response = await socket.response;
  assertEquals([socket.isStream, socket.readyState], [false, WebSocket.CLOSED]);
  assertEquals([response.status, (await response.json()).payload], [200, { total: 3 }]);
});

Deno.test("[HTTP4] what closes a connection that has not answered yet is an HTTP status", async () => {
  const statuses = {
    messageTooBig: [413, "invalid-request"],
    internalError: [500, "internal"],
    restart: [503, "shutting-down"],
    byOperator: [503, "shutting-down"],
    tooSlow: [503, "shutting-down"],
  } as const;
  for (const [name, expected] of Object.entries(statuses)) {
    const socket = new ResponseSocket(null);
    socket.close(CLOSE[name as keyof typeof statuses].code);
    const response = await socket.response;
    const { status, payload } = await response.json();
    assertEquals([response.status, payload.error[0].Slug], [...expected], name);
    assert(status === "error" && socket.readyState === WebSocket.CLOSED);
  }
});
