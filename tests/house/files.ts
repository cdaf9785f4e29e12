/** The files of the repository, as the tests of the house read them. */

/** The root of the repository. */
export const ROOT = new URL("../../", import.meta.url);

/** The paths of all files below a folder, from the root, such as `src/util/fifo.ts`. */
export async function filesBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) paths.push(...await filesBelow(`${folder}${name}/`));
    else paths.push(folder + name);
  }
  return paths.sort();
}

/** The text of a file, by its path from the root. */
export async function read(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, ROOT));
}
