/** JSON of an exact size that is costly to parse, to keep or to pass on. */
import fc from "fast-check";

/** Makes JSON of at most so many characters, which are bytes unless the shape says otherwise. */
type Shape = (bytes: number) => string;

/** As many pieces as fit in between. */
function fill(open: string, close: string, { bytes, piece }: {
  bytes: number;
  piece: (i: number) => string;
}): string {
  const pieces: string[] = [];
  let left = bytes - open.length - close.length;
  for (let i = 0;; i++) {
    const next = piece(i);
    left -= next.length + 1;
    if (left < 0) return open + pieces.join(",") + close;
    pieces.push(next);
  }
}

function nest(open: string, { close, bytes }: { close: string; bytes: number }): string {
  const depth = Math.max(0, Math.floor((bytes - 1) / (open.length + close.length)));
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
}

const SHAPES = {
  "letters": (bytes) => `"${"x".repeat(Math.max(0, bytes - 2))}"`,
  "letters of two bytes": (bytes) => `"${"é".repeat(Math.max(0, bytes - 2) / 2)}"`,
  "lone surrogates": (bytes) => `"${"\\ud800".repeat(Math.max(0, bytes - 2) / 6)}"`,
  "nested arrays": (bytes) => nest("[", { close: "]", bytes }),
  "nested objects": (bytes) => nest('{"a":', { close: "}", bytes }),
  "empty arrays": (bytes) => fill("[", "]", { bytes, piece: () => "[]" }),
  "small numbers": (bytes) => fill("[", "]", { bytes, piece: () => "1" }),
  "wide numbers": (bytes) =>
    fill("[12345678901234567890,", "]", { bytes: Math.max(30, bytes), piece: () => "1" }),
  "one huge number": (bytes) => "9".repeat(bytes),
  "one key again and again": (bytes) => fill("{", "}", { bytes, piece: () => '"a":{}' }),
  "many keys": (bytes) => fill("{", "}", { bytes, piece: (i) => `"key-${i}":1` }),
  "keys of prototypes": (bytes) =>
    fill("{", "}", { bytes, piece: (i) => `"${["__proto__", "constructor"][i % 2]}":{"a":1}` }),
  "many ids": (bytes) => fill("[", "]", { bytes, piece: (i) => `"id-${i.toString(36)}"` }),
  "strings like indices": (bytes) => fill("[", "]", { bytes, piece: (i) => `"${i}"` }),
} satisfies Record<string, Shape>;

/** The name of a shape. */
export type ShapeName = keyof typeof SHAPES;

/** The names of all shapes. */
export const shapeNames = Object.keys(SHAPES) as ShapeName[];

/** Any shape. */
export const anyShape = fc.constantFrom(...shapeNames);

/** JSON of a shape: exactly so many bytes, if they are enough for the shape. */
export function jsonOf(shape: ShapeName, bytes: number): string {
  const text = SHAPES[shape](bytes);
  const size = new TextEncoder().encode(text).length;
  return text + " ".repeat(Math.max(0, bytes - size));
}

/** Sizes just below a limit, at it and above it. */
export function near(limit: number): fc.Arbitrary<number> {
  return fc.constantFrom(limit - 1, limit, limit + 1);
}
