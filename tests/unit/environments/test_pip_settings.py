import os

from dissmodel.environments.pip_settings import pip_settings


def settings(tmp_path, text, **variables):
    path = tmp_path / "pip.conf"
    path.write_text(text, encoding="utf-8")
    return pip_settings({"PIP_CONFIG_FILE": str(path), **variables})


def test_a_file_of_pip(tmp_path):
    found = settings(
        tmp_path,
        "[global]\nindex-url = https://a/simple\nextra_index_url =\n    https://b/simple\n    https://c/simple\n"
        "find-links = /opt/wheels https://d/links\ntrusted-host = a\n[install]\nindex-url = https://e/simple\n"
        "no-index = false\ncert = /etc/ca.pem\nproxy = http://proxy:3128\n",
    )

    assert "https://e/simple" == found.index
    assert ("https://b/simple", "https://c/simple") == found.extra_indexes
    assert ("file:///opt/wheels", "https://d/links") == found.find_links
    assert (False, ("a",), "/etc/ca.pem") == (found.no_index, found.trusted_hosts, found.cert)
    assert "http://proxy:3128" == found.proxy


def test_variables_stand_over_files(tmp_path):
    found = settings(
        tmp_path, "[global]\nindex-url = https://a\n", PIP_INDEX_URL="https://b", PIP_NO_INDEX="true"
    )

    assert ("https://b", True) == (found.index, found.no_index)


def test_a_path_with_a_comma_stays_one(tmp_path):
    found = settings(tmp_path, f"[global]\nfind-links = {tmp_path}/a,b\n")

    assert (f"{tmp_path.as_uri()}/a%2Cb",) == found.find_links


def test_a_broken_file_says_nothing(tmp_path):
    assert settings(tmp_path, "no section = 1").index is None


def test_devnull_means_no_file_at_all():
    assert pip_settings({}) is not None
    found = pip_settings({"PIP_CONFIG_FILE": os.devnull})

    assert (None, (), ()) == (found.index, found.extra_indexes, found.find_links)
