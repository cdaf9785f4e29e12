/** Jest, with ES modules and with CommonJS, as README of the package says. */
import type { Tool } from "./project.ts";

function testFor(url: string): string {
  return `
import { connect } from "@wss/client";
import { useUnread } from "@wss/client/react";

test("it connects", async () => {
  const wss = connect("${url}", { token: () => "alice" });
  const { value } = await wss.notifications().next();
  wss.close();
  expect([value.kind, typeof useUnread]).toEqual(["list", "function"]);
});
`;
}

/** The configuration in the README. */
function documented(readme: string): string {
  const [, json] = /^ *```json\n([^]*?)^ *```$/m.exec(readme) ?? [];
  if (json === undefined) throw new Error("The README has no configuration for Jest");
  return json;
}

export const JEST: readonly Tool[] = [
  {
    name: "jest",
    packages: ["jest@30.5.2"],
    async run(project, url) {
      await project.files({
        "jest-esm/package.json": `{ "type": "module", "jest": { "transform": {} } }`,
        "jest-esm/it.test.js": testFor(url),
      });
      await project.node("node_modules/jest/bin/jest.js", {
        cwd: "jest-esm",
        options: ["--experimental-vm-modules"],
      });
    },
  },
  {
    name: "jest-commonjs",
    packages: [
      "jest@30.5.2",
      "babel-jest@30.5.2",
      "@babel/core@7.29.13",
      "@babel/preset-env@7.29.14",
    ],
    async run(project, url) {
      await project.files({
        "jest-commonjs/package.json": documented(await project.read("README.md")),
        "jest-commonjs/it.test.js": testFor(url),
      });
      await project.node("node_modules/jest/bin/jest.js", { cwd: "jest-commonjs" });
    },
  },
];
