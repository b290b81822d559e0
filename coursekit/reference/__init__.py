"""What is taught: every formula of the course, once, as a short pure function."""
