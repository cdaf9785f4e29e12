/**
 * The form that creates a notification at the demo backend.
 */
import { createNotification } from "./demo.js";
import { byId, onSubmit, timeOf } from "./dom.js";

onSubmit("create", async () => {
  const [{ value: userId, label }] = byId("to").selectedOptions;
  const note = byId("create-note");
  try {
    await createNotification({ userId, type: byId("type").value, text: byId("text").value });
    note.textContent = `Created for ${label} at ${timeOf(new Date())}.`;
  } catch (error) {
    note.textContent = `Not created: ${error.message}`;
  }
});
