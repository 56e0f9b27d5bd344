"""The proxy of the shipped contract kit, for tests that look for it here."""

from dissmodel.storage.testing_proxy import Proxy

__all__ = ["Proxy"]
