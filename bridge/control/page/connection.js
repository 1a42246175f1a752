// Talking to the bridge: REST for what is asked once, WebSockets that come back by themselves.

const AGAIN = 1000; // milliseconds until a lost socket is tried again
const BEAT = 33; // milliseconds between two posts of values

export async function ask(path, method = "GET", body = undefined) {
  const options = { method, headers: {} };
  if (method !== "GET") {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body ?? {});
  }
  const answer = await fetch(`/api/v1/${path}`, options);
  const data = await answer.json();
  if (!answer.ok) throw new Error(sentence(data.detail));
  return data;
}

export async function picture(path) {
  const answer = await fetch(`/api/v1/${path}`);
  if (!answer.ok) throw new Error(sentence((await answer.json()).detail));
  return answer.blob();
}

function sentence(detail) {
  return Array.isArray(detail) ? detail.map((problem) => problem.msg).join(" ") : String(detail);
}

export function listen(path, heard, alive = () => {}) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/api/v1/${path}`);
  socket.binaryType = "blob";
  socket.onopen = () => alive(true);
  socket.onmessage = (event) => heard(event.data);
  socket.onclose = () => {
    alive(false);
    setTimeout(() => listen(path, heard, alive), AGAIN);
  };
}

// Values set by hand: the newest of each name goes out, at most thirty times a second, none is lost.
const waiting = {};
let sending = false;

export function set(name, value, refused) {
  waiting[name] = { value, refused };
  if (!sending) send();
}

async function send() {
  sending = true;
  while (Object.keys(waiting).length) {
    const values = {};
    let refused = () => {};
    for (const [name, item] of Object.entries(waiting)) {
      values[name] = item.value;
      refused = item.refused;
      delete waiting[name];
    }
    try {
      await ask("parameters", "PATCH", values);
      refused("");
    } catch (error) {
      refused(error.message);
    }
    await new Promise((done) => setTimeout(done, BEAT));
  }
  sending = false;
}
