/**
 * The form that has the demo backend create a notification.
 */
import { createNotification } from "./demo.js";
import { byId, onSubmit, timeOf } from "./dom.js";

onSubmit("arrive", async () => {
  const [{ value: userId, label }] = byId("to").selectedOptions;
  const note = byId("arrive-note");
  try {
    await createNotification({ userId, type: byId("type").value, text: byId("text").value });
    note.textContent = `Created for ${label} at ${timeOf(new Date())}.`;
  } catch (error) {
    note.textContent = `Not created: ${error.message}`;
  }
});
