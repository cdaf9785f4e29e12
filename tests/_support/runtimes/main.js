/** Runs the cases in Deno or Node, and prints their results as JSON; its argument is what to run. */
import process from "node:process";
import { runCases } from "./cases.js";

const { client, ...where } = JSON.parse(process.argv[2] ?? "{}");
process.stdout.write(JSON.stringify(await runCases(await import(client), where)));
// Where a case has failed something of it may be left.
process.exit(0);
