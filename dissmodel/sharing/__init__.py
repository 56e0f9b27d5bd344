"""Push, pull, bundle, results that go elsewhere."""
