// Connection to the bridge: REST for single requests, WebSockets that reconnect by themselves.

const AGAIN = 1000; // milliseconds until a lost socket reconnects
const GRACE = 3000; // milliseconds offline until that is shown
const QUIET = 10000; // milliseconds of silence until a socket that always talks counts as lost
const AWAY = 30000; // milliseconds until a socket that made room reconnects by itself
export const PAUSED = "paused"; // this page made room, and comes back as soon as it is used
const NO_ROOM = 1013; // the close code of a socket that made room for another page
const FINAL = 4000; // from here on close codes mean that trying again is of no use
const BEAT = 33; // milliseconds between two posts of values

// The REST URL, relative to the page, which a proxy may serve under any path.
export function at(path) {
  return new URL(`api/v1/${path}`, document.baseURI).href;
}

export async function ask(path, method = "GET", body = undefined) {
  const options = { method, headers: {} };
  if (method !== "GET") {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body ?? {});
  }
  return (await fetched(path, options)).json();
}

export async function picture(path) {
  return (await fetched(path)).blob();
}

// An answer; otherwise an error with the bridge's sentence. Its `problems` are the sentences by
// parameter, and `offline` means that there was no answer at all.
export async function fetched(path, options = {}) {
  let answer;
  try {
    answer = await fetch(at(path), options);
  } catch (error) {
    throw Object.assign(new Error("The bridge is offline."), { cause: error, offline: true });
  }
  if (answer.ok) return answer;
  throw refusal(await answer.json());
}

function refusal({ detail }) {
  const listed = Array.isArray(detail) ? detail : [];
  return Object.assign(
    new Error(listed.length ? listed.map(({ msg }) => msg).join(" ") : String(detail)),
    { problems: Object.fromEntries(listed.map(({ loc, msg }) => [loc.at(-1), msg])) });
}

// Send a large file, as `fetched`; `progress` gets 0 to 1, `signal` ends it: then the answer is
// undefined.
export function upload(path, file, progress, signal) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest(); // fetch does not tell how far it is
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => progress(loaded / total);
    request.onload = () => (request.status < 400 ? done(request.response)
      : failed(refusal(request.response)));
    request.onerror = () => failed(new Error("The connection was lost; nothing was kept."));
    request.onabort = () => done();
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", at(path));
    request.setRequestHeader("content-type", "application/octet-stream");
    request.send(file);
  });
}

// A socket that reconnects by itself: `heard` gets its messages; `alive` is called on connecting,
// with the socket, and with a reason when it is offline for more than a moment, or `ended` by the
// bridge. One that `talks` is never silent for long. The returned function closes it.
export function listen(path, heard, alive = () => {}, talks = false) {
  let socket, quiet, tell;
  let ended = false;

  function open() {
    if (ended) return;
    socket = new WebSocket(at(path).replace(/^http/, "ws"));
    socket.binaryType = "blob";
    socket.onopen = () => {
      clearTimeout(tell);
      tell = undefined;
      listening();
      alive(true, socket);
    };
    socket.onmessage = (event) => {
      listening();
      heard(event.data);
    };
    socket.onclose = (event) => {
      if (event.code < FINAL) lost(event.code === NO_ROOM);
      else {
        ended = true;
        clearTimeout(quiet);
        alive(false, event.reason, ended);
      }
    };
  }

  function listening() {
    clearTimeout(quiet);
    if (talks) quiet = setTimeout(drop, QUIET);
  }

  function drop() { // a dead network reports nothing, and a regular close would wait for it
    leave();
    lost(false);
  }

  function leave() {
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  function lost(noRoom) {
    clearTimeout(quiet);
    tell ??= setTimeout(() => alive(false, noRoom ? PAUSED : "bridge offline"), GRACE);
    if (noRoom) whenWanted(open);
    else setTimeout(open, AGAIN);
  }

  open();
  return () => {
    ended = true;
    clearTimeout(quiet);
    clearTimeout(tell);
    leave();
  };
}

// Many pages may be open; the limited sockets go to those being viewed.
const LOOKS = ["visibilitychange", "focus", "pointerdown", "keydown"];

function whenWanted(then) {
  const timer = setInterval(wanted, AWAY);
  for (const look of LOOKS) addEventListener(look, wanted);

  function wanted() {
    if (document.hidden) return;
    clearInterval(timer);
    for (const look of LOOKS) removeEventListener(look, wanted);
    then();
  }
}

// Values set by hand: the newest of each name is sent, at most thirty times a second; none is lost.
// One that is `blind` goes to the next look. `held` gets the value that the bridge answers with, `refused` its sentence.
const waiting = new Map();
let sending = false;

export function set(name, value, refused, held, blind) {
  waiting.set(name, { value, refused, held, blind });
  if (!sending) send();
}

async function send() {
  sending = true;
  while (waiting.size) {
    const batch = new Map(waiting);
    waiting.clear();
    for (const blind of [false, true]) {
      const part = new Map([...batch].filter(([, item]) => Boolean(item.blind) === blind));
      if (part.size) await post(part, blind ? "parameters?blind=1" : "parameters");
    }
    await new Promise((done) => setTimeout(done, BEAT));
  }
  sending = false;
}

async function post(batch, path) {
  const values = Object.fromEntries([...batch].map(([name, { value }]) => [name, value]));
  try {
    const now = await ask(path, "PATCH", values);
    for (const [name, item] of batch) item.held(now[name]);
  } catch (error) {
    const bad = [...batch.keys()].filter((name) => name in (error.problems ?? {}));
    if (bad.length && bad.length < batch.size) { // the bridge takes all or none
      for (const name of bad) {
        batch.get(name).refused(error.problems[name]);
        batch.delete(name);
      }
      await post(batch, path);
      return;
    }
    for (const [name, item] of batch) {
      item.refused(error.offline ? "" : error.problems?.[name] ?? error.message);
    }
  }
}
