import { assertEquals } from "@std/assert";
import type { Holder } from "../../src/backend/places/shares.ts";
import { authentication } from "../../src/commands/authentication.ts";
import type { CommandContext } from "../../src/commands/define.ts";
import { holder } from "../_support/sessions/caller.ts";

Deno.test("[LIM7] a login counts as a guest's until it is done, also from a session with a user; a renewal does not", async () => {
  const own = holder("10.0.0.1", "user");
  const kinds: Holder["kind"][] = [];
  const context = {
    session: { caller: () => ({ holder: own }) },
    tokens: {
      identify(_token: string, { holder }: { holder: Holder }) {
        kinds.push(holder.kind);
        assertEquals([holder.asker, holder.address], [own.asker, own.address]);
        return { status: "ok", payload: "{}" };
      },
    },
  } as unknown as CommandContext;

  await authentication.prepare({ authToken: "bob" })(context);
  await authentication.prepare({ authToken: "alice", update: true })(context);

  assertEquals(kinds, ["guest", "user"]);
});
