"""Settings: where they come from, and what is said about wrong ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from isthmus_service import ConfigurationError, ServiceSettings
from isthmus_service.settings import load


class Settings(ServiceSettings):
    depth: int = 3


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ISTHMUS_"):
            monkeypatch.delenv(name)


def test_the_environment_comes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "mailbox.yaml"
    file.write_text("kafka: from-file:1\ndepth: 7\n")
    monkeypatch.setenv("ISTHMUS_CONFIG", str(file))
    monkeypatch.setenv("ISTHMUS_KAFKA", "from-environment:1")
    settings = load(Settings)
    assert (settings.kafka, settings.depth, settings.log_format) == ("from-environment:1", 7, "json")


def test_a_file_of_names_and_values(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "mailbox.env"
    file.write_text("ISTHMUS_DEPTH=8\n# a comment\nISTHMUS_KAFKA=k:1\n")
    monkeypatch.setenv("ISTHMUS_CONFIG", str(file))
    assert (load(Settings).depth, load(Settings).kafka) == (8, "k:1")


def test_a_wrong_value_says_which_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_HTTP_PORT", "http")
    monkeypatch.setenv("ISTHMUS_LOG_FORMAT", "xml")
    with pytest.raises(ConfigurationError) as caught:
        load(Settings)
    assert "ISTHMUS_HTTP_PORT is wrong: Input should be a valid integer" in str(caught.value)
    assert "ISTHMUS_LOG_FORMAT is wrong: Input should be 'json' or 'console'" in str(caught.value)


def test_a_wrong_database_url_does_not_show_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_DATABASE_URL", "mysql://me:sesame@host/db")
    with pytest.raises(ConfigurationError) as caught:
        load(Settings)
    assert "ISTHMUS_DATABASE_URL is wrong" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_an_unknown_name_in_the_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "mailbox.yaml"
    file.write_text("kafak: k:1\n")
    monkeypatch.setenv("ISTHMUS_CONFIG", str(file))
    with pytest.raises(ConfigurationError, match=r"kafak in .*mailbox.yaml is not a setting; there are: accountmap, "):
        load(Settings)


@pytest.mark.parametrize("content", ["- a list", "kafka: [", "plain text"])
def test_a_file_that_is_not_settings(content: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "mailbox.yaml"
    file.write_text(content)
    monkeypatch.setenv("ISTHMUS_CONFIG", str(file))
    with pytest.raises(ConfigurationError, match=r"mailbox\.yaml"):
        load(Settings)


@pytest.mark.parametrize("name", ["absent.yaml", "absent.env"])
def test_a_missing_file(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISTHMUS_CONFIG", str(tmp_path / name))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(Settings)
