"""What the kernel says of this container, read from files below a root that is a parameter."""
