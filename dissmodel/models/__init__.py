"""Built-in models; each is a plugin like anyone else's."""
