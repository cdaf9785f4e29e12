/**
 * Faults that are put into the service, to see that the simulation finds them. Each one replaces a piece
 * of a file; if the piece is not there any more, `run.ts` says so.
 */

/** A fault. */
export interface Mutant {
  readonly name: string;
  /** Below `src`. */
  readonly file: string;
  /** The piece that is replaced. It occurs once. */
  readonly find: string;
  readonly replace: string;
}

/** All faults. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "the live end is a record too far",
    file: "log/stream.ts",
    find: "this.advance(partition, offset + 1);",
    replace: "this.advance(partition, offset + 2);",
  },
  {
    name: "the cursor of a push that catches up is a record too far",
    file: "log/read_position.ts",
    find: "this.#serve(partition, offset + 1);",
    replace: "this.#serve(partition, offset + 2);",
  },
  {
    name: "the record at the place of a cursor counts as served",
    file: "log/read_position.ts",
    find: "return offset < (this.#served[partition] ?? 0);",
    replace: "return offset <= (this.#served[partition] ?? 0);",
  },
  {
    name: "the window seems to hold a record that it has dropped",
    file: "log/window.ts",
    // Without the time, which would tell that the record is newer than the cursor.
    find:
      "partition.first = entry.offset + 1;\n        partition.frontTimestamp = entry.timestamp;",
    replace: "partition.first = entry.offset;\n        partition.frontTimestamp = undefined;",
  },
  {
    name: "a resume skips what one partition has",
    file: "log/window.ts",
    find: "      const position = positions[partition] ?? 0;\n",
    replace: "      const position = partition === 1 ? Infinity : positions[partition] ?? 0;\n",
  },
  {
    name: "the window is bigger than it may be",
    file: "log/window.ts",
    find: "if (this.#bytes <= this.#limits.maxBytes && isRecent) return;",
    replace: "if (this.#bytes <= 2 * this.#limits.maxBytes && isRecent) return;",
  },
  {
    name: "empty types mean no type",
    file: "log/addressing.ts",
    find: "return types.length === 0 || types.includes(to.type);",
    replace: "return types.includes(to.type);",
  },
  {
    name: "types are not looked at",
    file: "log/addressing.ts",
    find: "return types.length === 0 || types.includes(to.type);",
    replace: "return true;",
  },
  {
    name: "what is held back for a list is not released",
    file: "sessions/subscription.ts",
    find: 'if (this.#state.state === "held") this.#become(this.#state.then);',
    replace: "",
  },
  {
    name: "pushes are not held back for a list",
    file: "sessions/subscription.ts",
    find: 'this.#become({ state: "held", then: this.#behind() });',
    replace: "",
  },
  {
    name: "a list seems to include a record more",
    file: "sessions/subscription.ts",
    find: "then.position.noteList(seq);",
    replace: "then.position.noteList(seq + 1);",
  },
  {
    name: "nobody who waits for a record is woken",
    file: "sessions/catch_up.ts",
    find: "for (const subscription of this.#ahead) this.proceedLater(subscription);",
    replace: "",
  },
  {
    name: "nobody who waits for room is woken",
    file: "outbox/outbox.ts",
    find: "callbacks.push(...this.#onRoom);",
    replace: "",
  },
  {
    name: "requests that wait until a client has caught up are not woken",
    file: "connection/request_handler.ts",
    find: "this.#work?.queue.proceed();\n      });",
    replace: "});",
  },
  {
    name: "a reload that has waited for another one does not run",
    file: "sessions/reloads.ts",
    find: "this.#rest(reload.key);\n      this.#scheduleStart();",
    replace: "this.#rest(reload.key);",
  },
  {
    name: "who joins a reload that waits does not get it",
    file: "sessions/reloads.ts",
    find: "    reload.subscriptions.add(subscription);\n",
    replace: "    if (reload.subscriptions.size === 0) reload.subscriptions.add(subscription);\n",
  },
  {
    name: "a failed reload is not told",
    file: "sessions/subscription.ts",
    find: "      this.#resync(reload, position);\n      if",
    replace: "      if",
  },
  {
    name: "a loss is not told",
    file: "sessions/subscription.ts",
    find: "this.#resync({ entry: null, inPlaceOfResync: why }, position);",
    replace: "",
  },
  {
    name: "a loss is told only where something else happens",
    file: "sessions/sessions.ts",
    find: "isLeft = subscription.takeLosses() || isLeft;",
    replace: "",
  },
  {
    name: "a loss hides the ones before it",
    file: "sessions/subscription/losses.ts",
    find: "this.#news.push({",
    replace: "this.#news = [];\n    this.#news.push({",
  },
  {
    name: "records that were set aside are told to nobody",
    file: "sessions/sessions.ts",
    find: 'this.#losses.add("owed", loss);',
    replace: "",
  },
  {
    name: "who unsubscribes takes others of the same subscription along",
    file: "sessions/channels.ts",
    find: "if (this.#members.has(target.id)) return;",
    replace: "",
  },
  {
    name: "a logout leaves a subscription",
    file: "sessions/session.ts",
    find: "this.unsubscribe(targets.map(({ id }) => id), why);",
    replace: "this.unsubscribe(targets.slice(1).map(({ id }) => id), why);",
  },
  {
    name: "a logout ends what belongs to nobody",
    file: "sessions/session.ts",
    find: "const targets = this.all.map(({ target }) => target).filter(isOfUser);",
    replace: "const targets = this.all.map(({ target }) => target);",
  },
  {
    name: "a login of the same user ends what the session has",
    file: "sessions/session.ts",
    find: "if (login.user === this.user) return this.renew(login);",
    replace: "",
  },
  {
    name: "a client that does not understand that it is logged out is not closed",
    file: "sessions/session.ts",
    find: "return this.#connection.closeAsRefused();",
    replace: "return;",
  },
  {
    name: "an outage of the user API logs everybody out",
    file: "sessions/revalidation.ts",
    find: 'case "outage":\n        return this.#keep(session);',
    replace: 'case "outage":\n        return session.revoke();',
  },
  {
    name: "a logout message reaches one session only",
    file: "sessions/sessions.ts",
    find: "if (session.login === login) session.revoke();",
    replace: "return session.revoke();",
  },
  {
    name: "the messages of a batch are in the wrong order",
    file: "outbox/batching.ts",
    find: "`${before.#messages},${message}`",
    replace: "`${message},${before.#messages}`",
  },
  {
    name: "a full batch goes out behind the next one",
    file: "outbox/batching.ts",
    find: "    this.flush();\n    this.#kept = this.#batches.empty.with(message);",
    replace: "    const kept = this.#kept;\n    this.#kept = this.#batches.empty.with(message);\n" +
      "    this.flush();\n    this.#kept = kept;",
  },
  {
    name: "a delivery skips a subscription at the begin of a time slice",
    file: "sessions/fan_out.ts",
    find: "          yield nextTurn;\n",
    replace: "          yield nextTurn;\n          continue;\n",
  },
  {
    name: "a barrier does not wait",
    file: "connection/request_queue.ts",
    find: "if (this.#barrierRuns) return false;",
    replace: "",
  },
  {
    name: "a cursor from before a cut is taken",
    file: "log/stream.ts",
    find:
      'if (before !== undefined && before > (cursor.times[partition] ?? 0)) return "other_log";',
    replace: "void before;",
  },
  {
    name: "a stale partition is not noticed",
    file: "log/freshness.ts",
    find: "stalest = Math.min(stalest, partition.freshAt ??= now);",
    replace: "stalest = Math.max(stalest, partition.freshAt ??= now);",
  },
  {
    name: "a list joins one that was asked for before",
    file: "backend/apis.ts",
    find: 'notification: { withToken: true, joinable: "unsent" },',
    replace: 'notification: { withToken: true, joinable: "under way" },',
  },
  {
    name: "the checks of a token go on after the logout",
    file: "sessions/revalidation.ts",
    find: "else if (!login || this.#periodMs === 0) this.#wheel.cancel(session);",
    replace: "else if (this.#periodMs === 0) this.#wheel.cancel(session);",
  },
  {
    name: "the cursor of the live end is told while something is held back",
    file: "sessions/stream_status.ts",
    find: "if (!session.isLive || session.outbox.isBehind) return false;",
    replace: "if (session.outbox.isBehind) return false;",
  },
  {
    name: "a slow client is pushed more and more",
    file: "outbox/outbox.ts",
    find:
      "return this.#isWatched && this.#socket.bufferedAmount > this.#options.limits.maxBufferedBytes;",
    replace: "return false;",
  },
  {
    name: "a count is asked for more than once a second",
    file: "sessions/reloads.ts",
    find: "if (this.#rests.has(reload.key)) return;",
    replace: "",
  },
  {
    name: "a record is no reason to ask for a count again",
    file: "sessions/sessions.ts",
    find: "    this.#counts.askAfter(entry);\n",
    replace: "",
  },
  {
    name: "a count forgets what comes while it is asked for",
    file: "sessions/counts/count_subscription.ts",
    find: "      if (total !== this.#told) this.#tell(total);\n",
    replace: "      if (total !== this.#told) this.#tell(total);\n      this.#isDue = false;\n",
  },
  {
    name: "a count for which there is no room is forgotten",
    file: "sessions/counts/count_subscription.ts",
    find: "if (!outbox.hasRoom) this.#isDue = true;",
    replace: "if (!outbox.hasRoom) return;",
  },
  {
    name: "a logout leaves the counts",
    file: "sessions/session.ts",
    find: "const targets = this.all.map(({ target }) => target).filter(isOfUser);",
    replace: "const targets = this.#subscriptions.map(({ target }) => target).filter(isOfUser);",
  },
];
