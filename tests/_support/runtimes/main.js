/** Runs the cases in Deno or Node, and prints their results as JSON. The argument names the module and the stage. */
import process from "node:process";
import { runCases } from "./cases.js";

const { client, ...where } = JSON.parse(process.argv[2] ?? "{}");
process.stdout.write(JSON.stringify(await runCases(await import(client), where)));
// A case that has failed may have left something behind.
process.exit(0);
