"""A sender over WHIP by GStreamer's webrtcbin; for the system's Python, which has `gi`:
`python3 gst_whip.py URL CODEC`. It sends a red picture until it is killed.
"""

import sys
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402 - after their versions

CODECS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 bitrate=1000 "
    "! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 "
    "! application/x-rtp,media=video,encoding-name=H264,payload=96",
    "vp8": "vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay "
    "! application/x-rtp,media=video,encoding-name=VP8,payload=96",
}


def main(url: str, codec: str) -> None:
    Gst.init(None)
    pipeline = Gst.parse_launch(
        "videotestsrc is-live=true pattern=red ! video/x-raw,width=320,height=180,framerate=30/1 "
        f"! videoconvert ! {CODECS[codec]} ! webrtcbin name=peer bundle-policy=max-bundle"
    )
    peer = pipeline.get_by_name("peer")

    def post(*_) -> None:
        if peer.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            return
        sdp = peer.get_property("local-description").sdp.as_text()
        asked = urllib.request.Request(url, sdp.encode(), {"content-type": "application/sdp"})
        with urllib.request.urlopen(asked, timeout=20) as answer:
            _, found = GstSdp.SDPMessage.new_from_text(answer.read().decode())
            print(answer.status, answer.headers["location"], flush=True)
        given = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, found)
        peer.emit("set-remote-description", given, Gst.Promise.new())

    def offered(promise, *_) -> None:
        promise.wait()
        reply = promise.get_reply()  # it owns the offer
        offer = reply.get_value("offer")
        peer.emit("set-local-description", offer, Gst.Promise.new())

    peer.connect("notify::ice-gathering-state", post)
    peer.connect(
        "on-negotiation-needed",
        lambda *_: peer.emit("create-offer", None, Gst.Promise.new_with_change_func(offered)),
    )
    pipeline.set_state(Gst.State.PLAYING)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
