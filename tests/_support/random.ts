/** Replaces what `Math.random()` gives by one number, until it is disposed of. */
export function fakeRandom(value: number) {
  const { random } = Math;
  Math.random = () => value;
  return { [Symbol.dispose]: () => void (Math.random = random) };
}
