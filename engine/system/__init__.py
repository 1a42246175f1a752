"""What both processes need from the operating system; free of torch."""
