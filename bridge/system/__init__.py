"""What the operating system gives: threads, processes, clocks, ports, paths, logs."""
