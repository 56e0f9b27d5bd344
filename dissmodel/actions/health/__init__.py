"""What `doctor` looks at, a noun a file; each check keeps what it finds in a `Collector`."""
