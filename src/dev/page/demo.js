/**
 * The demo backend, as the page's own server passes it on.
 */

/** Who there is: id, name and token of each. */
export async function demoUsers() {
  return (await fetch("/demo/users")).json();
}

/** Has it create a notification, which it publishes. */
export async function createNotification({ userId, type, text }) {
  const response = await fetch("/demo/notifications", {
    method: "POST",
    body: JSON.stringify({ userId, type, data: { text } }),
  });
  if (!response.ok) throw new Error((await response.json()).message);
}

/** How many notifications of these types it has for whoever has that token. */
export async function totalAtBackend(token, types) {
  const query = new URLSearchParams([...types.map((type) => ["type", type]), ["limit", "1"]]);
  const response = await fetch(`/demo/users/me/notifications?${query}`, {
    headers: { authorization: token },
  });
  return (await response.json()).total;
}
