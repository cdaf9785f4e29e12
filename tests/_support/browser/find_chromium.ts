/** Finds Chromium. */

export const HOW_TO_GET_CHROMIUM = "The tests in tests/browser need Chromium: " +
  "apt-get install chromium, or set CHROMIUM to its path";

/** Gives the path of Chromium, `null` if there is none. */
export function findChromium(): string | null {
  const given = Deno.env.get("CHROMIUM");
  if (given) return runs(given) ? given : null;
  for (const folder of Deno.env.get("PATH")?.split(":") ?? []) {
    if (runs(`${folder}/chromium`)) return `${folder}/chromium`;
  }
  return null;
}

function runs(path: string): boolean {
  try {
    return new Deno.Command(path, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}
