"""What each pipeline is loaded from, what of it is missing, and the download of that."""
