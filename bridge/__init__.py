"""The bridge: frames in, frames out, and the controls. It imports no tensor library."""

import os
import sys

# OpenCV reads these when it is imported. What a driver or a codec has to say it would say on the
# terminal, in the frame path, where nothing may wait for that; what is wrong is told by us.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
if sys.platform == "win32":
    # Or many cameras take 4 to 20 seconds to open.
    os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")

__version__ = "0.1.0"
