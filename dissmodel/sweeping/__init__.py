"""Many runs of a model: what is to run, the runs, and what comes out of them."""
