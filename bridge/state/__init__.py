"""State of the bridge: parameters, status, journal, reference images."""
