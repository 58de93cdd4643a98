"""What `everloom bench` runs."""
