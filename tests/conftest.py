import sys, types
import numpy as np

try:
    import bridge.transports.pattern
except ImportError:
    m = types.ModuleType("bridge.transports.pattern")
    m.card = lambda w, h, l: np.full((h, w, 4), 99, np.uint8)
    sys.modules["bridge.transports.pattern"] = m
