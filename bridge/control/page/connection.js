// Talking to the bridge: REST for what is asked once, WebSockets that come back by themselves.

const AGAIN = 1000; // milliseconds until a lost socket is tried again
const GRACE = 3000; // milliseconds without it until somebody is told
const QUIET = 10000; // milliseconds without a word until one that always talks counts as lost
const AWAY = 30000; // milliseconds until one that had to make room comes back unasked
const NO_ROOM = 1013; // the close code of one that had to make room for another page's
const BEAT = 33; // milliseconds between two posts of values

// Where REST is: beside the page, which a proxy may show under any path of its own.
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

// A socket that comes back by itself: `heard` gets its messages, `alive` is told when it is there,
// and with a word when it is away for longer than a moment. One that `talks` is never long silent.
// Calling what is returned ends it.
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

  function drop() { // a network that is gone says nothing, and a close of its own would wait for it
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

// Many pages may be open at once, and there is room for those that somebody looks at.
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
