/**
 * How many files a process could still open. The runtime tells nobody the limit of open files, nor how many
 * are open, unless everything is allowed (denoland/deno#27564). So this opens some and closes them.
 */

/** Can be opened as often as one likes. To be allowed to read it is enough. */
const PATH = "/dev/null";

/**
 * Counts the files that the process could open now. A file takes about 5 µs.
 *
 * @param atMost Where to stop counting
 * @returns `undefined` if it can't be known: the system has no such file, or it may not be read
 */
export function countSpareFiles(atMost: number): number | undefined {
  const opened: Deno.FsFile[] = [];
  try {
    while (opened.length < atMost) opened.push(Deno.openSync(PATH));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) {
      return undefined;
    }
    // The limit of the process, or that of the system, is reached.
  } finally {
    for (const file of opened) file.close();
  }
  return opened.length;
}
