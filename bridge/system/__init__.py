"""Operating system services: threads, processes, clocks, ports, paths, logs."""
