"""A model's packages in a Python environment of their own: what to install, whether to, and where it is.

>>> requirement = Requirement.parse("coastal-flood==0.1.0")
>>> requirement.kind, requirement.name, requirement.exact
('index', 'coastal-flood', '0.1.0')
"""

from dissmodel.environments.requirement import Requirement
from dissmodel.environments.resolve import resolve
from dissmodel.environments.resolved import Resolved
from dissmodel.environments.store import PackageEnvironment, obtain, ready, using
from dissmodel.environments.tidy import list_environments, prune, remove

__all__ = [
    "PackageEnvironment",
    "Requirement",
    "Resolved",
    "list_environments",
    "obtain",
    "prune",
    "ready",
    "remove",
    "resolve",
    "using",
]
