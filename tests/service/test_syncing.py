"""The service fetches its registries by itself."""

import threading
import time

import pytest

from dissmodel.errors import StorageError
from dissmodel.registries.sources import sync
from dissmodel.registry import index
from dissmodel.service import syncing as module
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.syncing import Syncing
from support.git import git

SPEC = '[model]\nname = "{0}"\nclass = "{0}"\ndescription = "A model."\n'
LONG_S = 60


@pytest.fixture(autouse=True)
def user(tmp_path, monkeypatch):
    """A user without settings, and no git settings of whoever runs the tests."""
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / "user" / name.lower()))
    for name in ("DISSMODEL_REGISTRY", "CONFIGS_REPO", "CONFIGS_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "user"


class Published:
    """A registry in a repository of git, to which others merge."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "models").mkdir(parents=True)
        git(folder, "init", "--quiet")
        self.merge("flood")

    @property
    def url(self):
        return f"file://{self.folder}"

    def merge(self, name):
        (self.folder / "models" / f"{name}.toml").write_text(SPEC.format(name))
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--message", name)
        return git(self.folder, "rev-parse", "HEAD")


@pytest.fixture
def published(tmp_path):
    return Published(tmp_path / "published")


def settings_of(published, user, **more):
    environ = {"CONFIGS_REPO": published.url, **more}
    return ServiceSettings.load(environ={"DISSMODEL_DATA": str(user / "data"), **environ})


def until(is_so):
    end = time.monotonic() + LONG_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def models():
    return {entry.name for entry in index.entries()}


def test_a_merge_appears_without_anyones_hand(published, user):
    syncing = Syncing(settings_of(published, user, CONFIGS_SYNC_INTERVAL="0.1"))
    assert not syncing.is_ready

    with syncing.running():
        until(lambda: syncing.is_ready)
        assert {"flood"} == models()
        published.merge("tide")
        until(lambda: models() == {"flood", "tide"})


def test_a_sync_answers_what_really_happened(published, user):
    syncing = Syncing(settings_of(published, user))
    first = syncing.once()
    before = git(published.folder, "rev-parse", "HEAD")
    (published.folder / "models" / "bad name.toml").write_text("")
    commit = published.merge("tide")
    second, third = syncing.once(), syncing.once()

    (one,), (two,), (three,) = (said["registries"] for said in (first, second, third))
    assert (None, before, 1, ("flood",)) == (one["before"], one["commit"], one["models"], one["added"])
    assert (before, commit, 2, ("tide",)) == (two["before"], two["commit"], two["models"], two["added"])
    assert ["bad name.toml"] == list(two["refused"])
    assert (commit, commit, ()) == (three["before"], three["commit"], three["added"])
    assert {"1 of 1 registries synced."} == {said["message"] for said in (first, second, third)}
    assert second["git_output"].splitlines()[:2] == [
        f"default: {before[:12]} → {commit[:12]}, 2 models",
        "  added: tide",
    ]


def test_a_sync_that_fails_keeps_the_last_and_says_why(published, user, tmp_path):
    syncing = Syncing(settings_of(published, user))
    syncing.once()
    published.folder.rename(tmp_path / "away")

    with pytest.raises(StorageError) as raised:
        syncing.once()

    assert "sync_failed" == raised.value.code
    assert published.url in raised.value.message
    assert {"flood"} == models()
    assert Syncing(settings_of(published, user)).is_ready is False


def test_a_service_that_has_models_of_an_earlier_sync_is_ready_without_a_network(published, user, tmp_path):
    Syncing(settings_of(published, user)).once()
    published.folder.rename(tmp_path / "away")

    later = Syncing(settings_of(published, user))
    with later.running():
        until(lambda: later.is_ready)
    assert {"flood"} == models()


def test_without_any_sync_it_is_not_ready_and_tries_again_soon(published, user, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SOON_S", 0.05)
    away = tmp_path / "away"
    published.folder.rename(away)
    syncing = Syncing(settings_of(published, user))

    with pytest.raises(StorageError):
        syncing.once()
    with syncing.running():
        assert not syncing.is_ready
        away.rename(published.folder)
        until(lambda: syncing.is_ready)

    assert {"flood"} == models()


def test_one_of_two_that_fails_is_told_beside_the_other(published, user, tmp_path, monkeypatch):
    other = Published(tmp_path / "other")
    other.merge("fire")
    monkeypatch.setenv("DISSMODEL_REGISTRIES_OTHER_URL", other.url)
    config = user / "config"
    config.parent.mkdir(exist_ok=True)
    config.write_text(f'[registries.other]\nurl = "{other.url}"\n')
    syncing = Syncing(settings_of(published, user))
    syncing.once()
    other.folder.rename(tmp_path / "away")

    said = syncing.once()

    assert "1 of 2 registries synced." == said["message"]
    good, bad = said["registries"]
    assert ("default", None, "other", 2) == (good["name"], good["problem"], bad["name"], bad["models"])
    assert other.url in bad["problem"]
    assert bad["commit"] == bad["before"] is not None
    assert {"flood", "fire"} == models()


def test_a_branch_and_a_token_are_of_this_service_alone(published, user):
    git(published.folder, "checkout", "--quiet", "-b", "trial")
    published.merge("trial")
    git(published.folder, "checkout", "--quiet", "main")

    settings = settings_of(published, user, CONFIGS_BRANCH="trial")
    Syncing(settings).once()

    assert {"flood", "trial"} == models()
    assert published.url not in repr(settings)


def test_without_a_registry_it_is_ready_at_once(user):
    syncing = Syncing(ServiceSettings.load(environ={"DISSMODEL_DATA": str(user / "data")}))

    assert {"message": "There is no registry.", "git_output": "", "registries": []} == syncing.once()
    assert syncing.is_ready


def test_two_syncs_at_once_wait_for_each_other(published, user):
    syncing = Syncing(settings_of(published, user))
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(syncing.once())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4 == len(answers)
    assert 1 == sum(bool(said["registries"][0]["added"]) for said in answers)


def test_a_bug_in_one_sync_does_not_end_the_next(published, user, monkeypatch, caplog):
    syncing = Syncing(settings_of(published, user, CONFIGS_SYNC_INTERVAL="0.05"))
    real, failures = sync, [ValueError("a bug"), StorageError("settings")]

    def broken(request):
        if failures:
            raise failures.pop(0)
        return real(request)

    monkeypatch.setattr(module, "sync", broken)
    with syncing.running():
        until(lambda: models() == {"flood"})

    assert "the sync of registries failed" in caplog.text


def test_what_is_wrong_with_a_catalog_is_told(published, user):
    (published.folder / "catalog.yaml").write_text("models:\n  flood: [broken\n")
    published.merge("tide")
    said = Syncing(settings_of(published, user)).once()

    assert "  warning: catalog.yaml:3: " in said["git_output"]
    assert {"flood", "tide"} == models()
