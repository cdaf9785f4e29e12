/** Values that stand where others are expected. */
const OTHERS = [null, "", ".", "x", "a\nb", " x", 0, 1, -1, 1.5, true, false, [], [1], ["x"], {}];

/** A JSON value with each place of it left out or filled with something else, one at a time. */
export function* variantsOf(value: unknown): Generator<unknown> {
  yield* OTHERS;
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      for (const variant of variantsOf(element)) yield value.with(index, variant);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, child] of Object.entries(value)) {
      const { [key]: _, ...rest }: Record<string, unknown> = { ...value };
      yield rest;
      for (const variant of variantsOf(child)) yield { ...value, [key]: variant };
    }
  }
}
