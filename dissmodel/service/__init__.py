"""Many people, one core: an HTTP API, a queue and workers over what the command line runs.

Needs the extra ``service``.
"""
