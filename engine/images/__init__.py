"""Images from the bytes of files, and by their names in the folder of references."""
