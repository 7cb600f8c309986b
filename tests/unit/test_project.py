"""The project file: the template is valid, and wrong files are refused with the right line."""

from __future__ import annotations

from pathlib import Path

import pytest
from isthmus_project import (
    TEMPLATE,
    NamedPair,
    Project,
    ProjectError,
    Secret,
    add_pair,
    load_project,
    named_pairs_file,
)


def write(folder: Path, text: str) -> Path:
    path = folder / "project.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def line_of(text: str, fragment: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if fragment in line)


def test_the_template_is_a_valid_project_and_survives_json(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, TEMPLATE))
    assert project.source.name == "alpha"
    assert [collection.name for collection in project.collections] == ["pilot", "everybody"]
    assert Project.model_validate_json(project.model_dump_json()) == project


@pytest.mark.parametrize(
    ("good", "bad", "field", "words"),
    [
        ("ews: https://mail.alpha", "ews: http://mail.alpha", "source.exchange.ews", "plain http"),
        ("base: DC=corp,DC=alpha,DC=example", "base: corp.alpha", "source.directory.base", "distinguished name"),
        ("priority: 1 ", "priority: 12 ", "collections[0].priority", "less than or equal to 9"),
        ("switch: manual                   #", "swich: manual #", "collections[0].swich", "spelling"),
        ("match: [mail, proxyAddresses]", "match: [mail, email]", "directory.match[1]", "a rule is mail, "),
        ("mailboxes: [anna@alpha.example]", "mailboxes: [anna]", "collections[0].mailboxes", "SMTP address"),
        ('redirection: "{alias}@beta.redirect.example"', 'redirection: "x@y.z"', "target.redirection", "{alias}"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path: Path, good: str, bad: str, field: str, words: str) -> None:
    assert good in TEMPLATE
    text = TEMPLATE.replace(good, bad, 1)
    with pytest.raises(ProjectError) as caught:
        load_project(write(tmp_path, text))
    [problem] = caught.value.problems
    assert problem.field == field
    assert words in problem.message
    assert problem.line == line_of(text, bad)
    assert f"project.yaml:{problem.line}: {field}" in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "field", "words"),
    [
        ("[{exclude: {older_than: 2 years}}]", "filters[0].exclude.older_than", "730 days"),
        ("[{exclude: {larger_than: 25}}]", "filters[0].exclude.larger_than", "25 MB"),
        ("[{exclude: {classes: IPM.*.Shortcut}}]", "filters[0].exclude.classes[0]", "at the beginning, at the end"),
        ("[{exclude: {folders: /}}]", "filters[0].exclude.folders[0]", "junkemail"),
        ("[{exclude: {clases: IPM.Note}}]", "filters[0].exclude.clases", "spelling"),
        ("[{name: nothing}]", "filters[0]", "either 'include' or 'exclude'"),
        ("[{include: {classes: IPM.Contact}}]", "filters", "exclude: everything"),
        ("[{exclude: everything}, {exclude: {categories: Private}}]", "filters", "put it last"),
        ("[{exclude: {larger_than: 2 MB, smaller_than: 2048 kB}}]", "filters[0].exclude", "no item is both"),
    ],
)
def test_a_wrong_filter_is_refused_with_what_is_expected(tmp_path: Path, rules: str, field: str, words: str) -> None:
    text = TEMPLATE.replace("    switch: manual                   #", f"    filters: {rules} #", 1)
    with pytest.raises(ProjectError) as caught:
        load_project(write(tmp_path, text))
    [problem] = caught.value.problems
    assert problem.field == f"collections[0].{field}"
    assert words in problem.message
    assert problem.line == line_of(text, rules)


def test_filters_are_written_as_people_write_them(tmp_path: Path) -> None:
    rules = """[
      {include: {folders: [Inbox/Contracts/]}},
      {exclude: {older_than: 2024-01-31, classes: "IPM.Note*", larger_than: 1.5 MB}},
      {name: the rest, exclude: everything}]"""
    text = TEMPLATE.replace("    switch: manual                   #", f"    filters: {rules} #", 1)
    project = load_project(write(tmp_path, text))
    filters = project.collections[0].filters
    assert Project.model_validate_json(project.model_dump_json()) == project
    assert [rule.words for rule in filters] == [
        "in Inbox/Contracts",
        "older than 2024-01-31, larger than 1.5 MB, class IPM.Note*",
        "the rest",
    ]


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    text = TEMPLATE.replace("project: first-migration", "project: First Migration").replace("  name: beta\n", "")
    with pytest.raises(ProjectError) as caught:
        load_project(write(tmp_path, text))
    assert [problem.field for problem in caught.value.problems] == ["project", "target.name"]
    assert caught.value.problems[1].message == "is missing; add it"


@pytest.mark.parametrize("text", ["", "- a list", "project: [", "project: &a [*a, *b]", "\t"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProjectError):
        load_project(write(tmp_path, text))


def test_a_missing_and_a_binary_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="isthmus init"):
        load_project(tmp_path / "nowhere.yaml")
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00project")
    with pytest.raises(ProjectError, match="UTF-8"):
        load_project(path)


def test_organisations_need_different_names_and_domains(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="different names"):
        load_project(write(tmp_path, TEMPLATE.replace("name: beta", "name: alpha")))
    with pytest.raises(ProjectError, match="different domains"):
        load_project(write(tmp_path, TEMPLATE.replace("@beta.redirect", "@alpha.redirect")))


def test_secrets_come_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").write_text("s3cret\nsecond line\n", encoding="utf-8")
    assert Secret(file="one").read(tmp_path) == "s3cret"
    monkeypatch.setenv("ISTHMUS_TEST_SECRET", "other")
    assert Secret(env="ISTHMUS_TEST_SECRET").read(tmp_path) == "other"
    with pytest.raises(LookupError, match="two"):
        Secret(file="two").read(tmp_path)
    (tmp_path / "empty").touch()
    with pytest.raises(LookupError, match="empty"):
        Secret(file="empty").read(tmp_path)
    with pytest.raises(ValueError, match="not both"):
        Secret(file="one", env="two")


def _with_pairs(tmp_path: Path, content: str) -> Path:
    (tmp_path / "pairs.csv").write_text(content, encoding="utf-8")
    return write(tmp_path, TEMPLATE.replace("  # pairs: pairs.csv ", "  pairs: pairs.csv "))


def test_pairs_come_from_a_csv_file(tmp_path: Path) -> None:
    file = _with_pairs(tmp_path, '\ufeffsource,target\n"CN=Berg, Anna,DC=a", anna@b.test\n\nbert,\n')
    project = load_project(file)
    assert [(pair.source, pair.target) for pair in project.directory.pairs] == [
        ("CN=Berg, Anna,DC=a", "anna@b.test"),
        ("bert", None),
    ]
    assert Project.model_validate_json(project.model_dump_json()) == project
    named = named_pairs_file(file)
    assert named is not None
    add_pair(named, NamedPair(source='CN="Q",DC=a', target=None))
    assert load_project(file).directory.pairs[-1].source == 'CN="Q",DC=a'


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("anna,bert\n", 1, "the first line must be source,target"),
        ("source,target\na,b\nc\n", 3, "a source and a target are expected"),
        ("source,target\nCN=Berg, Anna,x\n", 2, "put names with commas in quotes"),
        ('source,target\n"open,x\n', 2, "is not CSV"),
    ],
)
def test_a_wrong_line_of_pairs_is_named(tmp_path: Path, content: str, line: int, words: str) -> None:
    with pytest.raises(ProjectError, match=words) as caught:
        load_project(_with_pairs(tmp_path, content))
    assert str(caught.value).startswith(f"{tmp_path / 'pairs.csv'}:{line}: ")


def test_nobody_is_paired_twice_and_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="Anna, anna is named more than once"):
        load_project(_with_pairs(tmp_path, "source,target\nanna,a\nAnna,b\n"))
    (tmp_path / "pairs.csv").unlink()
    with pytest.raises(ProjectError, match=r"pairs\.csv:1: cannot be read: No such file"):
        load_project(tmp_path / "project.yaml")
    with pytest.raises(ProjectError, match="Is a directory; name the file in it"):
        load_project(tmp_path)
