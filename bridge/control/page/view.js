// The output over WebRTC (WHEP), full window; it connects again by itself.

const AGAIN = 2000; // ms until the next try
const GATHER = 1000; // ms for this browser's own addresses
const GONE = 4000; // ms without a connection that was there

const video = document.getElementById("output");
const message = document.getElementById("message");
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

function gathered(peer) {
  return new Promise((done) => {
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") done();
    });
    setTimeout(done, GATHER);
  });
}

// Ends when the connection does; throws a sentence when there is none.
async function watch() {
  const peer = new RTCPeerConnection();
  let place = "";
  try {
    const { receiver } = peer.addTransceiver("video", { direction: "recvonly" });
    receiver.jitterBufferTarget = 0;
    peer.addEventListener("track", ({ track }) => (video.srcObject = new MediaStream([track])));
    await peer.setLocalDescription();
    await gathered(peer);
    const answer = await fetch("whep", {
      method: "POST",
      headers: { "content-type": "application/sdp" },
      body: peer.localDescription.sdp,
    });
    if (!answer.ok) throw new Error((await answer.json()).detail);
    place = answer.headers.get("location");
    window.addEventListener("pagehide", () => leave(place), { once: true });
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    await connected(peer);
  } finally {
    peer.close();
    leave(place);
  }
}

function leave(place) {
  if (place) fetch(place, { method: "DELETE", keepalive: true }).catch(() => {});
}

function connected(peer) {
  return new Promise((done) => {
    let gone = 0;
    peer.addEventListener("connectionstatechange", () => {
      clearTimeout(gone);
      const { connectionState: state } = peer;
      if (state === "connected") message.textContent = "";
      else if (state === "failed" || state === "closed") done();
      else if (state === "disconnected") gone = setTimeout(done, GONE);
    });
  });
}

for (;;) {
  try {
    await watch();
    message.textContent = "The connection was lost; connecting again.";
  } catch (error) {
    message.textContent = error.message;
  }
  await wait(AGAIN);
}
