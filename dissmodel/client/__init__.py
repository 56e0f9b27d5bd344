"""A server's jobs from here: inputs are uploaded, results are brought and checked."""
