"""What a performer prepares and takes back: looks, undo."""
