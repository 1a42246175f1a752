// A LoRA: a text field that suggests the LoRAs on this machine, with the model of each.
import { ask } from "./connection.js";

export function loraField(spec, changed) {
  const field = Object.assign(document.createElement("input"),
    { type: "text", spellcheck: false, autocomplete: "off", placeholder: "none" });
  const list = Object.assign(document.createElement("datalist"), { id: `loras-${spec.name}` });
  field.setAttribute("list", list.id);
  let late; // the value received while the user was typing here
  field.onfocus = () => offer(list);
  field.onchange = () => changed(field.value.trim());
  field.onblur = () => {
    if (late !== undefined) field.value = late;
    late = undefined;
  };
  const show = (value) => {
    if (document.activeElement === field) late = value;
    else field.value = value;
  };
  return { field, parts: [field, list], show, wide: true };
}

async function offer(list) {
  try {
    list.replaceChildren(...(await ask("loras")).map((lora) => Object.assign(
      document.createElement("option"), { value: lora.name, label: described(lora) })));
  } catch {
    // The bridge is offline or the disk asleep: the previous suggestions stay.
  }
}

function described({ name, made_for, size, modified }) {
  const date = new Date(modified * 1000).toLocaleDateString();
  const words = [made_for && `for ${made_for}`, `${(size / 1e6).toFixed(1)} MB`, date];
  return `${name}: ${words.filter(Boolean).join(", ")}`;
}
