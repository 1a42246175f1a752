"""The part of aiortc that is used: it is an extra, and types itself only in part."""

from collections.abc import Callable
from typing import Any, Literal

from aiortc.mediastreams import MediaStreamTrack as MediaStreamTrack

class RTCIceServer:
    def __init__(
        self, urls: str, username: str | None = None, credential: str | None = None
    ) -> None: ...

class RTCConfiguration:
    def __init__(self, iceServers: list[RTCIceServer]) -> None: ...

class RTCSessionDescription:
    sdp: str
    def __init__(self, sdp: str, type: Literal["offer", "answer"]) -> None: ...

class RTCRtpCodecCapability:
    mimeType: str

class RTCRtpCapabilities:
    codecs: list[RTCRtpCodecCapability]

class RTCRtpSender:
    _send_keyframe: Callable[[], None]
    @classmethod
    def getCapabilities(cls, kind: str) -> RTCRtpCapabilities: ...

class RTCRtpTransceiver:
    sender: RTCRtpSender
    def setCodecPreferences(self, codecs: list[RTCRtpCodecCapability]) -> None: ...

class RTCPeerConnection:
    connectionState: Literal["new", "connecting", "connected", "failed", "closed"]
    localDescription: RTCSessionDescription
    def __init__(self, configuration: RTCConfiguration) -> None: ...
    def on(self, event: str, f: Callable[..., Any]) -> None: ...
    def addTransceiver(
        self, trackOrKind: MediaStreamTrack | str, direction: str
    ) -> RTCRtpTransceiver: ...
    async def setRemoteDescription(self, sessionDescription: RTCSessionDescription) -> None: ...
    async def setLocalDescription(self, sessionDescription: RTCSessionDescription) -> None: ...
    async def createAnswer(self) -> RTCSessionDescription: ...
    async def close(self) -> None: ...
