/** Bundlers: each makes a program that has to work. */
import { programFor, type Project, type Tool } from "./project.ts";

/** Makes a tool of a script that builds `app.js` into `out/<name>.cjs`. */
function bundler(name: string, packages: string[], script: string): Tool {
  return {
    name,
    packages,
    async run(project: Project, url: string) {
      await project.files({ "app.js": programFor(url), [`${name}.mjs`]: script });
      await project.node(`${name}.mjs`);
      await project.assertWorks(`out/${name}.cjs`);
    },
  };
}

function webpack(name: string, module: string, rules: string): string {
  return `
import webpack from "${module}";
const stats = await new Promise((resolve, reject) => webpack({
  mode: "production",
  entry: "./app.js",
  output: { path: import.meta.dirname + "/out", filename: "${name}.cjs" },
  module: { rules: ${rules} },
  // React is most of what it would warn of.
  performance: { hints: false },
}, (error, stats) => error ? reject(error) : resolve(stats)));
if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString("errors-warnings"));
`;
}

function metro(name: string, module: string, hasExports: boolean): string {
  return `
import Metro from "${module}";
const config = await Metro.loadConfig({ cwd: import.meta.dirname }, {
  maxWorkers: 1,
  reporter: { update() {} },
  transformer: {
    getTransformOptions: async () => ({ transform: { experimentalImportSupport: true } }),
  },
});
if (config.resolver.unstable_enablePackageExports !== ${hasExports}) throw new Error("exports");
await Metro.runBuild(config, { entry: "app.js", out: "out/${name}", dev: false, platform: "web" });
await (await import("node:fs/promises")).rename("out/${name}.js", "out/${name}.cjs");
`;
}

/** As README of the package says for webpack 4. */
const WITH_BABEL = `[{
  include: /node_modules.@wss.client/,
  loader: "babel-loader",
  options: { presets: ["@babel/preset-env"] },
}]`;

export const BUNDLERS: readonly Tool[] = [
  bundler(
    "esbuild",
    ["esbuild@0.28.2"],
    `
import { build } from "esbuild";
await build({ entryPoints: ["app.js"], bundle: true, outfile: "out/esbuild.cjs" });
`,
  ),
  bundler(
    "vite",
    ["vite@8.3.8"],
    `
import { build } from "vite";
await build({
  configFile: false,
  logLevel: "error",
  build: {
    outDir: "out",
    emptyOutDir: false,
    lib: { entry: "app.js", formats: ["cjs"], fileName: () => "vite.cjs" },
  },
  define: { "process.env.NODE_ENV": '"production"' },
});
`,
  ),
  bundler("webpack", ["webpack@5.113.0"], webpack("webpack", "webpack", "[]")),
  bundler(
    "webpack-4",
    [
      "webpack-4@npm:webpack@4.47.0",
      "babel-loader@8.4.1",
      "@babel/core@7.29.13",
      "@babel/preset-env@7.29.14",
    ],
    webpack("webpack-4", "webpack-4", WITH_BABEL),
  ),
  // Before 0.82 it knows `exports` only if it is told to.
  bundler("metro-0.81", ["metro-0.81@npm:metro@0.81.5"], metro("metro-0.81", "metro-0.81", false)),
  bundler("metro", ["metro@0.83.8"], metro("metro", "metro", true)),
];
