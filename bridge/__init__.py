"""The bridge: frames in, frames out, and the controls. It imports no tensor library."""

import os
import sys

if sys.platform == "win32":
    # Or many cameras take 4 to 20 seconds to open. OpenCV reads it when it is imported.
    os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")

__version__ = "0.1.0"
