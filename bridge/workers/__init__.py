"""The engine as the bridge sees it: workers started, fed, watched, restarted, switched."""
