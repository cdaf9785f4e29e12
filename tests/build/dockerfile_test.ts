import { assert, assertEquals } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

const read = (file: string) => Deno.readTextFile(new URL(file, ROOT));

Deno.test("the image's labels and Deno's version are those of the repository", async () => {
  const dockerfile = await read("Dockerfile");
  const [, version] = /image\.version="(.*?)"/.exec(dockerfile) ?? [];
  assertEquals(version, denoJson.version);
  const [, deno] = /^FROM denoland\/deno:debian-(\S+)/m.exec(dockerfile) ?? [];
  const [, tested] = /npx -y deno@(\S+)/.exec(await read(".ci/run")) ?? [];
  assert(deno !== undefined);
  assertEquals(deno, tested);
});

Deno.test("the image's build is sent the files that it copies, and no others", async () => {
  const copied = (await read("Dockerfile")).matchAll(/^COPY ([^-].*) \S+$/gm)
    .flatMap(([, files = ""]) => files.split(" "));
  const ignored = (await read(".dockerignore")).split("\n");
  assert(ignored.includes("*"));
  const sent = ignored.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  assertEquals([...copied].sort(), sent.sort());
});
