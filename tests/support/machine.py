"""A machine without settings of its own."""

import os

_SETTINGS = ("PIP_", "UV_", "AWS_", "MINIO_", "DISSMODEL_", "PROJ_", "GDAL_", "NUMBA_")


def forget_settings(monkeypatch, folder):
    """Hide what this machine has set, and every index; the user's files are in `folder`."""
    for name in [one for one in os.environ if one.startswith(_SETTINGS) or one.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("DISSMODEL_CONFIG", str(folder / "config.toml"))
    monkeypatch.setenv("DISSMODEL_DATA", str(folder / "data"))
