/**
 * `wss --help`.
 */
import denoJson from "../../deno.json" with { type: "json" };

/** The help of the command line as a whole. `connect` and `publish` have their own. */
export const HELP = `wss ${denoJson.version}: sends notifications to clients over WebSocket

Usage: wss [option]
       wss connect URL [--token T] [--types a,b] [--json]
       wss publish --user U --type T --data JSON
       wss check [--json]

Without an option, wss runs the service until SIGTERM or SIGINT. "wss connect" is a client of a
running service, "wss publish" writes a notification to the topic, "wss check" tries the brokers and
the APIs. Each has its own --help.

  --check-config  print every setting and its source
  --health        request /healthz from the running service; exit code 0 or 1
  --asyncapi      print an AsyncAPI 3 document of what clients and backends send and get
  --openapi       print an OpenAPI 3.1 document of what backend APIs are asked and answer
  --version       print the version
  --help, -h      print this help

Settings come from the environment, and from .env in the working directory.
Exit codes: 0 a clean end, 1 a failure while running, 2 wrong settings or arguments.`;
