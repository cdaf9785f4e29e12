/**
 * Requests to the demo backend, which the page's own server passes on.
 */

/** Gives the id, name and token of each demo user. */
export async function demoUsers() {
  return (await fetch("/demo/users")).json();
}

/** Creates a notification at the backend, which publishes it. */
export async function createNotification({ userId, type, text }) {
  const response = await fetch("/demo/notifications", {
    method: "POST",
    body: JSON.stringify({ userId, type, data: { text } }),
  });
  if (!response.ok) throw new Error((await response.json()).message);
}

/** Gives how many notifications of these types the user with this token has. */
export async function totalAtBackend(token, types) {
  const query = new URLSearchParams([...types.map((type) => ["type", type]), ["limit", "1"]]);
  const response = await fetch(`/demo/users/me/notifications?${query}`, {
    headers: { authorization: token },
  });
  return (await response.json()).total;
}
