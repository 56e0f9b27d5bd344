"""Places that hold objects under keys: a folder, an HTTP server, an S3 bucket; one small protocol for all."""
