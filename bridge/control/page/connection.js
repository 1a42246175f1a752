// Connection to the bridge: REST for single requests, WebSockets that reconnect by themselves.

const AGAIN = 1000; // milliseconds until a lost socket reconnects
const GRACE = 3000; // milliseconds offline until that is shown
const QUIET = 10000; // milliseconds of silence until a socket that always talks counts as lost
const AWAY = 30000; // milliseconds until a socket that made room reconnects by itself
const NO_ROOM = 1013; // the close code of a socket that made room for another page
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
  const answer = await fetch(at(path), options);
  const data = await answer.json();
  if (!answer.ok) throw new Error(sentence(data.detail));
  return data;
}

export async function picture(path) {
  const answer = await fetch(at(path));
  if (!answer.ok) throw new Error(sentence((await answer.json()).detail));
  return answer.blob();
}

function sentence(detail) {
  return Array.isArray(detail) ? detail.map((problem) => problem.msg).join(" ") : String(detail);
}

// A socket that reconnects by itself: `heard` gets its messages; `alive` is called on connecting,
// and with a reason when it is offline for more than a moment. One that `talks` is never silent for
// long. The returned function closes it.
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
      alive(true);
    };
    socket.onmessage = (event) => {
      listening();
      heard(event.data);
    };
    socket.onclose = (event) => lost(event.code === NO_ROOM);
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
    tell ??= setTimeout(() => alive(false, noRoom ? "paused" : "bridge offline"), GRACE);
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
