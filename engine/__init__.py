"""The engine: frames and parameters to frames. Importing it loads no tensor library."""
