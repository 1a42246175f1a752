from aiortc.codecs.h264 import H264Decoder as _H264Decoder

H264Decoder: type[_H264Decoder]
