/** The types, without skipLibCheck, in each way in which TypeScript finds modules. */
import type { Tool } from "./project.ts";

/** A program that uses the package. One of its calls is wrong, and is marked so. */
const PROGRAM = `
import { type Change, connect, type State, WssError } from "@wss/client";
import { type Reading, useNotifications, useUnread, useWss, WssProvider } from "@wss/client/react";

interface Note { id: string }

const wss = connect(new URL("wss://example.com/web"), {
  onState(state: State) {
    if (state.state === "waiting") state.retryInMs.toFixed();
  },
});
for await (const change of wss.notifications<Note[], Note>({ types: ["message"], limit: 10 })) {
  const known: Change<Note[], Note> = change;
  if (known.kind === "update") known.data.id.trim();
}
for await (const total of wss.unread()) total.toFixed();
const reading: Reading<Note> = { order: (a, b) => a.id.localeCompare(b.id) };
export { reading, useNotifications, useUnread, useWss, WssError, WssProvider };
// @ts-expect-error There is no such status.
await wss.count({ status: "new" });
`;

function typescript(version: string, resolutions: string[]): Tool {
  const name = `typescript-${version.split(".").slice(0, 2).join(".")}`;
  return {
    name,
    packages: [`${name}@npm:typescript@${version}`],
    async run(project) {
      const [, example] = /^```tsx\n([^]*?)^```$/m.exec(await project.read("README.md")) ?? [];
      if (example === undefined) throw new Error("The README has no example for React");
      await project.files({ "types/program.mts": PROGRAM, "types/inbox.tsx": example });
      for (const moduleResolution of resolutions) {
        const isNode = ["node16", "nodenext"].includes(moduleResolution);
        const compilerOptions = {
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
          target: "es2022",
          lib: ["es2022", "dom"],
          // Of the compiler's own files only.
          skipDefaultLibCheck: true,
          types: [],
          jsx: "react-jsx",
          moduleResolution,
          module: isNode ? moduleResolution : "esnext",
        };
        await project.files({ "types/tsconfig.json": JSON.stringify({ compilerOptions }) });
        await project.node(`node_modules/${name}/bin/tsc`, { args: ["-p", "types"] });
      }
    },
  };
}

export const TYPESCRIPT: readonly Tool[] = [
  // Its name for node10 is node.
  typescript("4.9.5", ["node", "node16", "nodenext"]),
  typescript("5.0.4", ["node10", "node16", "nodenext", "bundler"]),
  typescript("5.9.3", ["node10", "node16", "nodenext", "bundler"]),
];
