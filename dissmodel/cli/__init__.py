"""The command line: it parses, asks and prints; it computes nothing."""
