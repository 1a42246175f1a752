// The show as one file: saved here, opened here, and what another machine had is asked for one by
// one.
import { ask, fetched } from "./connection.js";
import { button, element } from "./elements.js";
import { attempt, hush } from "./messages.js";

const INPUTS = ["source", "control", "mask"]; // a running bridge can take these, and no others
const WORDS = { osc_feedback: "OSC feedback", port: "port", sink: "sink",
  output_size: "output size", output_fps: "output fps", fit: "fit" };

const file = element("input", { type: "file", accept: ".show", hidden: true });
const open = button("Open a show…", () => file.click());
const save = button("Save the show", () => attempt(save, async () => {
  const answer = await fetched("show");
  const [, name] = /''(.+)$/.exec(answer.headers.get("content-disposition"));
  const link = element("a", { download: decodeURIComponent(name),
    href: URL.createObjectURL(await answer.blob()) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  const missing = decodeURIComponent(answer.headers.get("x-missing"));
  tell(missing ? `${link.download} is saved, less what is missing here.` : `${link.download} is saved.`,
    missing ? [missing] : []);
}));
const buttons = element("div", { className: "buttons" }, save, open, file);
const news = element("div", { className: "news", role: "status" });
let known = {};

// The section's content.
export function panel() {
  file.onchange = () => {
    if (file.files[0]) offer(file.files[0]);
    file.value = "";
  };
  return [buttons, news];
}

// The state has what is in use here.
export function heard(state) {
  known = state;
}

// Ask before a file takes the place of the show that runs.
export function offer(picked) {
  hush(open);
  news.closest("details").open = true;
  const yes = button("replace", () => attempt(open, async () => {
    yes.disabled = true;
    try {
      await load(picked);
    } catch (error) {
      news.replaceChildren();
      throw error;
    }
  }), { className: "danger" });
  const no = button("keep", () => news.replaceChildren());
  tell(`${picked.name} takes the place of this bridge's looks, cues, maps and values.`, [], yes, no);
  news.scrollIntoView({ block: "center" });
  no.focus({ preventScroll: true });
}

async function load(picked) {
  const answer = await fetched("show", { method: "POST", body: picked,
    headers: { "content-type": "application/zip" } });
  const { looks, missing, proposals, foreign } = await answer.json();
  const wanted = foreign ? Object.entries(proposals).filter(differs) : [];
  tell(`${picked.name} is open: ${looks} ${looks === 1 ? "look" : "looks"}.`, missing);
  if (!wanted.length) return;
  const inputs = wanted.filter(([name]) => INPUTS.includes(name));
  const others = wanted.filter(([name]) => !INPUTS.includes(name));
  news.append(element("p", { textContent: "It was saved on another machine, and had these there. "
    + "None is in use here." }), ...inputs.map(input), ...others.map(setting));
}

// Whether it is anything, and not in use here, as far as the page can know.
function differs([name, value]) {
  const here = name === "port" ? location.port : String(known[name] ?? "").split(" · ")[0];
  return value && value !== "none" && value !== here;
}

function input([role, uri]) {
  const use = button("use", () => attempt(line, async () => {
    await ask(role, "POST", { uri });
    line.remove();
  }), { ariaLabel: `Use the ${role} ${uri}` });
  const line = proposal(role, uri, "", use);
  return line;
}

function setting([name, value]) {
  return proposal(WORDS[name] ?? name, value, `only at a start: --${name.replaceAll("_", "-")}`);
}

function proposal(words, value, note, ...tools) {
  const line = element("div", { className: "row proposal" }, element("span", {}, `${words}: `,
    element("b", { textContent: value }), " ",
    element("span", { className: "soft", textContent: note })), ...tools,
  button("leave", () => line.remove(), { ariaLabel: `Leave the ${words} ${value}` }));
  return line;
}

function tell(text, lines, ...tools) {
  news.replaceChildren(element("p", { textContent: text }), ...tools.length
    ? [element("div", { className: "buttons" }, ...tools)] : [],
  ...lines.map((line) => element("p", { className: "problem", textContent: line })));
}
