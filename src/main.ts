/**
 * The entry. It listens to signals first and loads the command line after that, which takes most of the
 * time of a start. As the first process of a container it would never get a signal that comes before
 * anybody listens to it, because Linux drops that.
 */
import { StopSignals } from "./util/stop_signals.ts";

if (import.meta.main) {
  const signals = new StopSignals();
  const { main } = await import("./command_line.ts");
  Deno.exit(await main(Deno.args, signals));
}
