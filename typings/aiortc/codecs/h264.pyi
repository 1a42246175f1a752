from av.codec.context import CodecContext

class H264Decoder:
    codec: CodecContext
    def __init__(self) -> None: ...
