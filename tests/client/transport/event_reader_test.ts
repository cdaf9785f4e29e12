import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { EventReader, type StreamEvent } from "../../../src/client/transport/event_reader.ts";

const TEXT =
  ': comment\n\nid: a\ndata: {"one": 1}\n\nretry: 5\nevent: close\ndata:{"code": 1012}\n\n' +
  "data: two\r\ndata:  lines\r\ndata\r\n\r\nevent: unused\n\ndata: last: one\n\ndata: cut off\n";
const EVENTS = [
  { type: "message", data: '{"one": 1}' },
  { type: "close", data: '{"code": 1012}' },
  { type: "message", data: "two\n lines\n" },
  { type: "message", data: "last: one" },
];

Deno.test("[HTTP2] an event stream is read as the HTML standard says, wherever its pieces end", () => {
  fc.assert(fc.property(fc.array(fc.nat(TEXT.length)), (cuts) => {
    const events: StreamEvent[] = [];
    const reader = new EventReader((event) => events.push(event));
    const places = [0, ...cuts.toSorted((a, b) => a - b), TEXT.length];
    for (const [i, to] of places.slice(1).entries()) reader.take(TEXT.slice(places[i], to));
    assertEquals(events, EVENTS);
  }));
});
