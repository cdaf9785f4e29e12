import { assertEquals } from "@std/assert";
import { LineWriter } from "../../src/observe/line_writer.ts";

Deno.test("a line is written, at whatever moment it comes after the lines before it", async () => {
  for (let moment = 0; moment < 20; moment++) {
    const decoder = new TextDecoder();
    let written = "";
    const writer = new LineWriter({
      write(bytes) {
        written += decoder.decode(bytes);
        if (written === "first\n") writeLater();
        return Promise.resolve(bytes.length);
      },
      describeDropped: String,
      onDropped() {},
    });
    const later = Promise.withResolvers<void>();
    const writeLater = async () => {
      for (let i = 0; i < moment; i++) await Promise.resolve();
      writer.write("second");
      later.resolve();
    };

    writer.write("first");
    await later.promise;
    await writer.end(5000);

    assertEquals(written, "first\nsecond\n", `moment ${moment}`);
  }
});
