"""What `file:` shows: clips, pictures, pictures that move, and folders of them."""
