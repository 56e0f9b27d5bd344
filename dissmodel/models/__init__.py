"""Built-in models; each is a plugin, registered as those of other packages are."""
