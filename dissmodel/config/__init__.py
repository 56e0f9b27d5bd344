"""Settings: what the user, a project, the environment and the command line say, each with its origin."""

from dissmodel.config.keys import check_registry_name
from dissmodel.config.remote import Remote, parse_remote
from dissmodel.config.settings import RegistrySetting, Setting, UserSettings, load_settings

__all__ = [
    "RegistrySetting",
    "Remote",
    "Setting",
    "UserSettings",
    "check_registry_name",
    "load_settings",
    "parse_remote",
]
