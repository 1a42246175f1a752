"""What this project takes of PyOpenGL, which makes its functions as it starts and types none."""
