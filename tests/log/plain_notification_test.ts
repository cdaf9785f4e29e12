/** What is checked by hand for speed, against the plain form: the platform's decoder and the schema. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { messageSchema, parseMessage } from "../../src/log/message.ts";
import { keyNamer } from "../../src/protocol/key_case.ts";
import { placeOf } from "../../src/protocol/json_source.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const nameKeys = keyNamer(messageSchema);

/** The message by the schema alone; a problem if there is none. */
function bySchema(value: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(value);
  } catch {
    return "not_utf8";
  }
  try {
    const json = nameKeys(JSON.parse(text));
    const { success, data } = messageSchema.safeParse(json);
    if (!success) return "not_a_message";
    const given = (json as { document: { data?: unknown } }).document.data ?? null;
    return data.does === "update" ? { ...data, payload: JSON.stringify(given) } : data;
  } catch {
    return "not_json";
  }
}

function sourceOf(json: Uint8Array, path: string[]): string | undefined {
  const place = placeOf(json, path);
  return place && decoder.decode(json.subarray(...place));
}

function byHand(value: Uint8Array): unknown {
  const message = parseMessage(value);
  if ("problem" in message) return message.problem;
  if (message.does !== "update") return message;
  return { ...message, payload: JSON.stringify(JSON.parse(message.payload)) };
}

/** Mostly what it should be, and each other thing now and then. */
function mostly(...usual: readonly string[]): fc.Arbitrary<string> {
  const others = fc.constantFrom(
    '""',
    "null",
    "1",
    "0.5",
    "12345678901234567890",
    '"\\ud800"',
    '"ÿ€😀"',
    "[]",
    "{}",
    "true",
    '{"data":1}',
  );
  return fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...usual) }, {
    weight: 1,
    arbitrary: others,
  });
}

/** An object of some of these members, in any order, whose names may differ in case or repeat. */
function objectOf(members: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> {
  const member = ([name, value]: [string, fc.Arbitrary<string>]) => {
    const written = fc.oneof(
      { weight: 9, arbitrary: fc.constant(name) },
      { weight: 1, arbitrary: fc.constantFrom(name.toUpperCase(), `${name}s`, "__proto__") },
    );
    return fc.tuple(written, value).map(([name, value]) => `${JSON.stringify(name)}:${value}`);
  };
  const all = Object.entries(members).map(member);
  return fc.tuple(
    fc.tuple(...all),
    fc.shuffledSubarray(all.map((_, i) => i), { minLength: 1 }),
    fc.boolean(),
  )
    .map(([texts, some, isAll]) => {
      const chosen = isAll ? texts : some.map((i) => texts[i]);
      return `{${chosen.join(",")}}`;
    });
}

const document = objectOf({
  userId: mostly('"42"', '"u"'),
  type: mostly('"message"', '"a"'),
  data: mostly("1", '{"a":[1,"ü"]}', '"x"'),
});
const text = objectOf({
  type: mostly('"notification"', '"notification"', '"logout"', '"update_subscription"'),
  document: fc.oneof({ weight: 9, arbitrary: document }, { weight: 1, arbitrary: mostly("{}") }),
});
/** A text as bytes, with a byte order mark or a broken byte now and then. */
const value = fc.tuple(
  text,
  fc.constantFrom(...Array(8).fill(""), "\ufeff", "\ufeff\ufeff", " "),
  fc.nat(20),
)
  .map(([text, before, broken]) => {
    const bytes = encoder.encode(before + text);
    if (broken < bytes.length && broken < 2) bytes[bytes.length - 1 - broken] = 0xc3;
    return bytes;
  });

Deno.test("a notification that is checked by hand is what the schema makes of it", () => {
  let byHandAlone = 0;
  fc.assert(
    fc.property(value, (value) => {
      const message = byHand(value);
      assertEquals(message, bySchema(value));
      if (typeof message === "object") byHandAlone++;
    }),
    { numRuns: 3000 },
  );
  assertEquals(byHandAlone > 300, true, `${byHandAlone} of them were messages`);
});

Deno.test("any bytes are decoded as the platform's decoder does it", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.string({ unit: "binary" }).map((text) => encoder.encode(JSON.stringify(text))),
    fc.string({ unit: "binary" }).map((text) => encoder.encode(`\ufeff${JSON.stringify(text)}`)),
  );
  const data = (value: Uint8Array) => {
    const prefix = encoder.encode(
      '{"type":"notification","document":{"userId":"1","type":"a","data":',
    );
    return Uint8Array.from([...prefix, ...value, 0x7d, 0x7d]);
  };
  fc.assert(
    fc.property(bytes, (bytes) => {
      assertEquals(byHand(bytes), bySchema(bytes));
      assertEquals(byHand(data(bytes)), bySchema(data(bytes)));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("[REQ4] the data is found in any JSON, and is as it was written", () => {
  const space = fc.stringMatching(/^[ \n\r\t]{0,2}$/);
  const data = fc.oneof(
    fc.json({ noUnicodeString: false }),
    fc.constantFrom(
      "1.50",
      "-0.0",
      "1E2",
      '{"9":1,"10":2,"9":3}',
      '"\\u0041\\/\\""',
      '["]",{"}":"{"}]',
    ),
  );
  const key = fc.constantFrom('"data"', '"d\\u0061ta"', '"\\u0064\\u0061\\u0074\\u0061"');
  const other = fc.tuple(
    fc.constantFrom('"x"', '"DATA"', '"Data"', '"dat"', '"\\"data"', '"datas\\\\"'),
    fc.json(),
  );
  fc.assert(
    fc.property(
      fc.array(other, { maxLength: 3 }),
      key,
      data,
      fc.array(other, { maxLength: 3 }),
      fc.array(space, { minLength: 6, maxLength: 6 }),
      (before, key, data, after, [a, b, c, d, e, f]) => {
        const written = ([key, value]: readonly string[]) => `${key}${b}:${c}${value}`;
        const members = [...before, [key, data] as const, ...after].map(written).join(`${d},${e}`);
        const json = encoder.encode(`${a}{"document":${b}{${a}${members}${f}}${c}}${d}`);
        JSON.parse(decoder.decode(json));

        assertEquals(sourceOf(json, ["document", "data"]), data.trim());
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("[REQ4] of several names the exact one counts, else the last one of another case", () => {
  const find = (json: string, path: string[]) => sourceOf(encoder.encode(json), path);
  for (
    const [json, expected] of [
      ['{"data":1,"data":2,"DATA":3}', "2"],
      ['{"DATA":1,"Data":2}', "2"],
      ['{"data":null,"Data":2}', "null"],
      ['{"dataa":1}', undefined],
      ["{}", undefined],
      ["[]", undefined],
      ["7", undefined],
    ] as const
  ) assertEquals(find(json, ["data"]), expected, json);
  assertEquals(find('{"a":7}', ["a", "b"]), undefined);
  assertEquals(find('{"a":[{"b":1}]}', ["a", "b"]), undefined);
});
