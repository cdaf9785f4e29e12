/**
 * The APIs as one command asks them: what they answer has room among the lists of its session, from
 * before the asking until the reply has gone out (LIM8).
 */
import type { ListPlace, ListRoom } from "../outbox/list_room.ts";
import type { BackendAnswer } from "./attempt.ts";
import type { Api } from "./apis.ts";
import type { Backend, Caller, ListRequest } from "./backend.ts";
import { NoRoom } from "./shared_request.ts";

/** The APIs for one command, which asks once. */
export class ListBackend implements Pick<Backend, "get" | "put" | "refuseLongUrl"> {
  readonly #backend: Backend;
  readonly #room: ListRoom;
  #place: ListPlace | null = null;
  #httpStatus: number | undefined;

  constructor(backend: Backend, room: ListRoom) {
    this.#backend = backend;
    this.#room = room;
  }

  /** The status with which the API has answered, if it has. */
  get httpStatus(): number | undefined {
    return this.#httpStatus;
  }

  refuseLongUrl(list: ListRequest): void {
    this.#backend.refuseLongUrl(list);
  }

  /**
   * Sends a GET once there is room. An answer that is larger than the room is not read: it is asked for
   * again, once, when it can be the only list of the session.
   *
   * @throws {CommandError} `invalid-options`, `backend-…` or `overloaded`
   */
  async get(list: ListRequest, caller: Caller): Promise<BackendAnswer> {
    for (let alone = false;; alone = true) {
      const { token, holder, signal } = caller;
      const place = this.#place = await this.#room.enter({ signal, alone });
      const takes = (bytes: number) => place.grow(bytes);
      try {
        return this.#note(await this.#backend.get(list, { token, holder, signal, takes }));
      } catch (error) {
        if (!(error instanceof NoRoom)) throw error;
      }
    }
  }

  /**
   * Sends a PUT at once, as the body of an `ok` answer is not kept.
   *
   * @throws {CommandError} `backend-…` or `overloaded`
   */
  async put(api: Api, body: string, caller: Caller): Promise<BackendAnswer> {
    const place = this.#place = this.#room.begin();
    const takes = (bytes: number) => {
      place.grow(bytes);
      return true;
    };
    return this.#note(await this.#backend.put(api, body, { ...caller, takes }));
  }

  /** Called when the reply was handed to the outbox. */
  sent(): void {
    this.#place?.sent();
  }

  #note(answer: BackendAnswer): BackendAnswer {
    this.#httpStatus = answer.httpStatus;
    return answer;
  }
}
