"""What both processes ask of the operating system; free of torch."""
