"""What the user can do, one verb a file: a frozen request in, a frozen result out."""
