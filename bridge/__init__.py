"""The bridge: frames in, frames out, and the controls. It imports no tensor library."""

import os
import sys

# OpenCV reads these when it is imported. Drivers and codecs would print to the terminal from the
# frame path, where nothing may wait for it; the bridge itself reports problems.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
if sys.platform == "win32":
    # Without it many cameras take 4 to 20 seconds to open.
    os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")

__version__ = "0.1.0"
