// The sessions of a server and its GPUs, asked for every second.

import { element, gigabytes } from "../elements.js";

const SECOND = 1000;
const GOOD = ["RUNNING"];
const BAD = ["FAILED", "DEGRADED"];
const at = (id) => document.getElementById(id);
let before = { time: 0, sent: new Map() };

function badge(text, kind = "") {
  return element("span", { className: `badge ${kind}`, textContent: text });
}

function time(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function facts(rows) {
  const list = element("dl");
  for (const [name, value] of rows) {
    list.append(element("dt", { textContent: name }), element("dd", { textContent: value }));
  }
  return list;
}

function session(told, keep, passed) {
  const kind = GOOD.includes(told.state) ? "good" : BAD.includes(told.state) ? "bad" : "warn";
  const sent = told.sent - (before.sent.get(told.number) ?? told.sent);
  const kbits = passed > 0 ? Math.round(sent * 8 / passed) : 0; // bytes in ms: kbit/s
  const rest = Math.max(0, keep - told.silent);
  return element("section", { className: "card" },
    element("h3", {}, `${told.number}: ${told.pipeline || "no pipeline yet"}`,
      badge(told.state, kind), badge(told.connected ? "connected" : "no line", told.connected ? "good" : "warn")),
    facts([
      ...(told.holder ? [["token of", told.holder]] : []),
      ["frames a second", told.fps.toFixed(1)],
      ["sent", `${kbits} kbit/s`],
      ["dropped", told.dropped],
      ["age", time(told.age)],
      ...(told.connected ? [] : [["kept for", time(rest)]]),
      ...(told.device ? [["device", told.device]] : []),
    ]));
}

function gpu(told) {
  const known = told.total !== null && told.free !== null;
  const memory = known ? `${gigabytes(told.free)} free of ${gigabytes(told.total)}` : "unknown";
  return element("section", { className: "card" },
    element("h3", { textContent: told.name }), facts([["memory", memory]]));
}

function none(text) {
  return element("p", { className: "none", textContent: text });
}

function show(told) {
  const now = performance.now();
  document.title = `${told.name}: engines`;
  at("badges").replaceChildren(
    badge(`${told.sessions.length} of ${told.most} places`),
    badge(told.name, "quiet"), badge(told.release, "quiet"),
    ...(told.draining ? [badge("shutting down", "warn")] : []));
  at("sessions").replaceChildren(...(told.sessions.length
    ? told.sessions.map((each) => session(each, told.keep, before.time && now - before.time))
    : [none("No bridge has a session.")]));
  at("gpus").replaceChildren(...(told.gpus.length ? told.gpus.map(gpu)
    : [none("No NVIDIA GPU answers.")]));
  at("death").textContent = told.death && `The last death: ${told.death}`;
  before = { time: now, sent: new Map(told.sessions.map((each) => [each.number, each.sent])) };
}

function say(text) {
  at("message").textContent = text;
  at("message").hidden = !text;
}

async function look() {
  try {
    const answer = await fetch("api/v1/sessions", { cache: "no-store" });
    const told = await answer.json();
    if (answer.ok) show(told);
    say(answer.ok ? told.draining : told.detail);
  } catch {
    say("The server does not answer; trying again.");
  }
  setTimeout(look, SECOND);
}

look();
