import { assertEquals, assertThrows } from "@std/assert";
import { type Reading, withItem, withPage } from "../../../src/client/react/items.ts";

interface Note {
  id: number;
  text?: string;
}

const newestFirst: Reading<Note> = { order: (a, b) => b.id - a.id };

function notes(...ids: number[]): Note[] {
  return ids.map((id) => ({ id }));
}

/** The ids that are shown after a list and what is pushed then. */
function shown(list: Note[], { pushed, limit, reading = {} }: {
  pushed: Note[];
  limit?: number;
  reading?: Reading<Note>;
}): number[] {
  const start = withPage(list, reading, { limit });
  return pushed.reduce((known, item) => withItem(known, item, reading), start)
    .items.map(({ id }) => id);
}

Deno.test("React: a list is an array, or has one as items, or listOf says where it is", () => {
  const expected = { items: notes(2, 1), hasMore: true };
  for (const list of [notes(2, 1), { total: 2, items: notes(2, 1) }]) {
    assertEquals(withPage(list, {}, {}), { ...expected, list });
  }
  const list = { data: { rows: notes(2, 1) } };
  const listOf = (given: unknown) => (given as typeof list).data.rows;
  assertEquals(withPage(list, { listOf }, {}), { ...expected, list });
  for (const other of [null, list, "text", { items: null }]) {
    assertThrows(() => withPage(other, {}, {}), TypeError, "it needs `listOf`");
  }
});

Deno.test("React: a notification that is pushed comes first, or takes the place of its older version", () => {
  assertEquals(shown(notes(2, 1), { pushed: notes(3) }), [3, 2, 1]);
  assertEquals(shown(notes(3, 2, 1), { pushed: notes(2) }), [3, 2, 1]);
  const start = withPage(notes(2, 1), {}, {});
  assertEquals(withItem(start, { id: 1, text: "new" }, {}).items, [{ id: 2 }, {
    id: 1,
    text: "new",
  }]);
  const reading: Reading<Note> = { idOf: ({ text }) => text };
  const named = withPage([{ id: 1, text: "a" }], reading, {});
  assertEquals(withItem(named, { id: 2, text: "a" }, reading).items, [{ id: 2, text: "a" }]);
});

Deno.test("React: with an order, an old notification takes its place, or comes with its page", () => {
  const list = notes(9, 7, 5);
  const reading = newestFirst;
  assertEquals(shown(list, { pushed: notes(8, 10), limit: 3, reading }), [10, 9, 8, 7, 5]);
  assertEquals(shown(list, { pushed: notes(3), limit: 3, reading }), [9, 7, 5]);
  assertEquals(shown(list, { pushed: notes(3), limit: 4, reading }), [9, 7, 5, 3]);
  assertEquals(shown([], { pushed: notes(3), limit: 4, reading }), [3]);
});

Deno.test("React: with an order, a notification whose place has changed moves there, or comes with its page", () => {
  const reading: Reading<Note> = { order: (a, b) => (b.text ?? "").localeCompare(a.text ?? "") };
  const list = [{ id: 1, text: "6" }, { id: 2, text: "4" }, { id: 3, text: "2" }];
  for (
    const [item, hasMore, expected] of [
      [{ id: 3, text: "9" }, true, [3, 1, 2]],
      [{ id: 3, text: "2" }, true, [1, 2, 3]],
      [{ id: 3, text: "3" }, true, [1, 2, 3]],
      [{ id: 3, text: "1" }, true, [1, 2]],
      [{ id: 1, text: "3" }, true, [2, 1, 3]],
      [{ id: 1, text: "1" }, false, [2, 3, 1]],
    ] as const
  ) {
    const start = { ...withPage(list, reading, {}), hasMore };
    assertEquals(withItem(start, item, reading).items.map(({ id }) => id), [...expected]);
  }
});

Deno.test("React: a page adds what is not shown yet, and is the last one if it is not full", () => {
  const first = withPage(notes(4, 3), {}, { limit: 2 });
  const second = withPage(notes(3, 2), {}, { limit: 2, after: first });
  assertEquals(second, { items: notes(4, 3, 2), hasMore: true, list: first.list });
  const third = withPage(notes(1), {}, { limit: 2, after: second });
  assertEquals(third, { items: notes(4, 3, 2, 1), hasMore: false, list: first.list });
  assertEquals(withPage([], {}, {}).hasMore, false);
});
