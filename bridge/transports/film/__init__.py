"""What `file:` plays: clips, images, animated images, and folders of them."""
