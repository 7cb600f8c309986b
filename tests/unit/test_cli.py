"""The command line without a system: what it prints of given answers, how it refuses wrong input, how it ends."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from isthmus_cli.commands.mailbox_plan import Sorted, Sum, ask_each, idle
from isthmus_cli.commands.mailbox_restart import refusal
from isthmus_cli.commands.mailbox_show import next_pass, place
from isthmus_cli.commands.status import view
from isthmus_cli.main import build
from isthmus_cli.people import chosen
from isthmus_exchange.errors import AccessError, EwsError, TransientError
from isthmus_project import TEMPLATE, Collection
from rich.console import Console
from typer.testing import CliRunner


def isthmus(*words: str) -> Any:
    return CliRunner().invoke(build(words[0]), list(words))


def mailbox(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": "00" * 16,
        "name": name,
        "collection": "pilot",
        "status": "copying",
        "active_side": "source",
        "percent": 40.0,
        "pass": 1,
        "items": {"total": 1000, "done": 400, "set_aside": 0},
        "problem": "",
        "switch": None,
    } | changes


def summary(**changes: Any) -> dict[str, Any]:
    return {
        "mailboxes": 2,
        "by_status": {"copying": 2, "blocked": 0},
        "items": {"total": 2000, "done": 800, "set_aside": 0},
        "percent": 40.0,
        "items_per_second": 120.0,
        "bytes_per_second": 3_000_000,
        "forecast": {"state": "expected", "expected": 10.0, "latest": 15.0},
        "limited_by": [],
        "left": 0,
        "project": {"name": "merge"},
        "directory": None,
        "attention": 0,
    } | changes


def shown(
    summary: dict[str, Any],
    mailboxes: list[dict[str, Any]],
    left: Sequence[dict[str, Any]] = (),
    most: int = 60,
    width: int = 140,
) -> str:
    console = Console(width=width, record=True, force_terminal=False)
    console.print(view(summary, mailboxes, left, most))
    return console.export_text()


def test_status_shows_each_mailbox_and_the_totals() -> None:
    text = shown(summary(), [mailbox("Žofie Nováková"), mailbox("Ben [B] Berg", problem="quota [full]")])
    assert "Žofie Nováková" in text
    assert "Ben [B] Berg" in text
    assert "quota [full]" in text
    assert "400/1 000" in text
    assert "2 mailboxes (2 copying); 800/2 000 items, 40 %; 120 items/s, 3.0 MB/s; done in about 0:00:10" in text


def test_what_is_wrong_with_many_in_the_same_words_is_said_once() -> None:
    refused = "alpha: https://mail.alpha.example refuses the account svc: check its name and password"
    people = [mailbox(f"Person {number}", status="blocked", problem=refused) for number in range(1000)]
    text = shown(summary(), [*people, mailbox("Ben Berg", problem="quota [full]")], width=200)
    assert text.count("refuses the account") == 1
    assert f"(1) 1 000 mailboxes (Person 0; Person 1; Person 2 and 997 more): {refused}" in text
    assert text.count("(1)") == sum("Person" in line and "blocked" in line for line in text.splitlines()) + 1
    assert text.count("quota [full]") == 1, "of one only: where it stands"
    two = shown(summary(), [mailbox("Berg, Anna", problem="away"), mailbox("Ben", problem="away")])
    assert "(1) 2 mailboxes (Berg, Anna; Ben): away" in two


def test_somebody_who_is_switched_and_whose_mailbox_is_paused_is_told_as_both() -> None:
    anna = mailbox("Anna", status="paused", active_side="target")
    assert {"paused", "switched"} <= set(shown(summary(), [anna]).splitlines()[1].split())
    assert "switched" not in shown(summary(), [mailbox("Ben", status="paused")])


def test_a_mailbox_is_begun_again_only_before_the_switch() -> None:
    told = {"switched": False, "unwanted": "", "paused": False, "folders": []}
    assert refusal(told) == ""
    assert "isthmus switch --undo" in refusal({**told, "switched": True})
    assert "in no collection" in refusal({**told, "unwanted": "it is in no collection"})


def test_a_terminal_of_eighty_columns_shows_how_a_mailbox_stands() -> None:
    text = shown(summary(), [mailbox("Mechthild Müller-Lüdenscheidt", collection="managers")], width=80)
    assert text.splitlines()[0].split() == ["mailbox", "collection", "status", "progress", "items", "pass"]
    assert "…" not in text
    assert {"Mechthild", "managers", "copying", "000"} <= set(text.split())


def test_what_goes_into_a_file_is_not_cut_off(tmp_path: Path) -> None:
    wide = "from isthmus_cli.output import console; console.print('word ' * 30)"
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    said = subprocess.run([sys.executable, "-c", wide], capture_output=True, text=True, env=environment, check=True)
    assert said.stdout.count("\n") == 1


def test_the_logs_of_all_workers_are_shown_by_the_name_of_their_service(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("mailbox-1", "mailbox-2", "stats"):
        (tmp_path / "logs" / f"{name}.log").write_text(f"of {name}\n")
    assert isthmus("logs", "mailbox", "--data", str(tmp_path)).exit_code == 0
    assert {"of mailbox-1", "of mailbox-2"} <= set(said := capfd.readouterr().out.splitlines())
    assert "of stats" not in said
    assert isthmus("logs", "nobody", "--data", str(tmp_path)).exit_code == 2


def test_status_says_what_to_do_while_no_project_is_in_force() -> None:
    assert "isthmus apply" in shown(summary(project=None), [])
    assert "isthmus apply" not in shown(summary(), [])


def test_folders_are_shown_as_a_mail_program_has_them() -> None:
    paths = ["/", "Inbox", "archive", "Inbox/b", "archive/2019", "/Archive", "/Archive/Inbox"]
    folders = [{"path": path} for path in random.Random(1).sample(paths, len(paths))]
    wanted = ["/", "archive", "archive/2019", "Inbox", "Inbox/b", "/Archive", "/Archive/Inbox"]
    assert [folder["path"] for folder in sorted(folders, key=place)] == wanted


def test_a_filter_that_leaves_nothing_out_is_told_when_it_is_planned() -> None:
    filters = [{"include": {"folders": "inbox"}}, {"exclude": {"folders": "Traval"}}, {"exclude": {"classes": "*.X"}}]
    staff = Collection.model_validate({"name": "staff", "mailboxes": ["anna@x.test"], "filters": filters})
    words = [each.words for each in staff.filters]
    anna = Sorted("anna@x.test", "staff", left_out={("Inbox", words[2]): Sum(1, 10)})
    assert idle([anna], [staff, staff]) == [words[1]]
    assert "Traval" in words[1]


async def test_a_plan_goes_on_beside_mailboxes_that_cannot_be_asked() -> None:
    refusals: list[Exception] = [
        EwsError("ErrorNonExistentMailbox", "nobody has this address"),
        AccessError("the account is refused"),
        TransientError("its server restarts"),
    ]
    everybody = Collection.model_validate({"name": "staff", "mailboxes": ["anna@x.test"]})
    told = list[int]()

    async def ask(address: str, collection: Collection) -> Sorted:
        if address.isdigit() and int(address) % 5 == 3:
            raise refusals[int(address) % 3]
        return Sorted(address, collection.name, Sum(1, 10))

    found = await ask_each([(str(number), everybody) for number in range(40)], ask, told.append)
    assert [each.address for each in found] == [str(number) for number in range(40)]
    assert {each.address for each in found if each.problem} == {str(number) for number in range(3, 40, 5)}
    assert "nobody has this address" in found[3].problem
    assert found[3].to_dict() == {"mailbox": "3", "collection": "staff", "problem": found[3].problem}
    assert told == list(range(1, 41))


async def test_a_plan_waits_for_a_server_that_is_away_a_few_times_only() -> None:
    everybody = Collection.model_validate({"name": "staff", "mailboxes": ["anna@x.test"]})
    asked = list[str]()

    async def ask(address: str, _: Collection) -> Sorted:
        asked.append(address)
        raise TransientError("alpha does not answer")

    found = await ask_each([(str(number), everybody) for number in range(1000)], ask, list[int]().append)
    assert len(asked) < 10
    assert [each.problem for each in found] == ["alpha does not answer"] * 1000


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("blackout hours of the servers of beta", "waits for its hour: blackout hours of the servers of beta, until "),
        ("not before 2999-01-15 18:00 UTC", "waits for its hour: not before 2999-01-15 18:00 UTC"),
    ],
)
def test_show_says_which_hour_a_mailbox_waits_for(why: str, words: str) -> None:
    opens = "2999-01-15T18:00:00+00:00"
    said = next_pass({"unwanted": "", "paused": False, "switched": False, "orders": 0, "closed": why, "opens": opens})
    assert said.startswith(f"next pass: {words}")
    assert said.count("2999") == 1


def test_status_names_what_is_limiting() -> None:
    rests = {
        "limit": "target server",
        "words": "beta is busy (ErrorServerBusy) and asks for a rest",
        "until": 1_800_000_000,
        "workers": ["mailbox-1", "mailbox-2"],
    }
    hours = {"limit": "business hours", "words": "alpha: 2 of 10", "until": 0, "workers": ["mailbox-3"]}
    text = shown(summary(limited_by=[rests, hours]), [mailbox("Anna Berg")])
    assert (
        "limited by target server: beta is busy (ErrorServerBusy) and asks for a rest until 2027-01-15 08:00 UTC "
        "(mailbox-1, mailbox-2)" in text
    )
    assert "limited by business hours: alpha: 2 of 10 (mailbox-3)" in text


def test_what_needs_attention_comes_first_when_there_are_too_many() -> None:
    quiet = [mailbox(f"quiet {number}", status="in step") for number in range(20)]
    text = shown(summary(), [*quiet, mailbox("in trouble", status="blocked", problem="no access")], most=3)
    assert "in trouble" in text
    assert "and 18 more" in text


def test_init_writes_a_file_that_apply_accepts_up_to_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = isthmus("init")
    assert result.exit_code == 0
    assert (tmp_path / "project.yaml").read_text() == TEMPLATE
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    again = isthmus("init")
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    missing = isthmus("apply")
    assert missing.exit_code == 2
    assert "'alpha-password', which is not readable" in missing.stderr


def test_a_wrong_project_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "project.yaml"
    path.write_text(TEMPLATE.replace("connections: 10", "connections: many", 1))
    result = isthmus("apply", str(path))
    assert result.exit_code == 2
    assert "source.exchange.connections" in result.stderr


@pytest.mark.parametrize("command", [["status"], ["switch", "anna@alpha.example"], ["mailbox", "errors"]])
def test_without_a_system_the_remedy_is_named(command: list[str], tmp_path: Path) -> None:
    result = isthmus(*command, "--data", str(tmp_path / "nothing"))
    assert result.exit_code == 3
    assert "isthmus up" in result.stderr


def test_a_demo_in_the_folder_of_isthmus_data_removes_no_system_that_is_not_a_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_DATA", str(tmp_path))
    (tmp_path / "system.json").write_text("{}")
    result = isthmus("demo")
    assert result.exit_code == 2
    assert f"no demo made what is in {tmp_path}" in result.stderr
    assert (tmp_path / "system.json").exists()


@pytest.mark.parametrize("command", [["plan"], ["directory", "conflicts"], ["directory", "pair", "anna", "berg"]])
def test_without_a_project_file_the_one_beside_the_system_counts(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    nowhere = isthmus(*command, "--data", str(data))
    assert nowhere.exit_code == 2
    assert "project.yaml:1: cannot be read" in nowhere.stderr
    assert "name the one that you have" in nowhere.stderr
    (data / "project.yaml").write_text(TEMPLATE.replace("connections: 10", "connections: many", 1))
    there = isthmus(*command, "--data", str(data))
    assert there.exit_code == 2
    assert f"{data / 'project.yaml'}:" in there.stderr
    assert "source.exchange.connections" in there.stderr


def test_who_is_unknown_is_named_in_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    known = mailbox("Anna", source_address="anna@alpha.example", target_address="anna@beta.example")
    with pytest.raises(typer.Exit):
        chosen([known], ["anna@alpha.example", "", "nobody@x"], None)
    assert "has the address '', 'nobody@x':" in capsys.readouterr().err


def test_an_unreachable_portal_is_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "system.json").write_text(json.dumps({"ports": {"kafka": 1, "grpc": 1, "stats": 1}}))
    result = isthmus("status", "--data", str(tmp_path))
    assert result.exit_code == 3
    assert "the portal at http://127.0.0.1:1 does not answer: Connection refused; does stats run" in result.stderr


@pytest.mark.parametrize(
    "command", ["init", "plan", "apply", "status", "mailbox", "switch", "up", "down", "ps", "logs", "demo", "lab"]
)
def test_every_command_explains_itself(command: str) -> None:
    result = isthmus(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_kafka_that_does_not_answer_is_told_once() -> None:
    nowhere = {"KAFKA": "127.0.0.1:1", "ACCOUNTMAP": "127.0.0.1:1", "PORTAL": "http://127.0.0.1:1"}
    environment = {f"ISTHMUS_{name}": value for name, value in {**nowhere, "GRPC_PLAINTEXT": "true"}.items()}
    command = (Path(sys.executable).with_name("isthmus"), "mailbox", "certificate", "anna@alpha.example")
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3
    [told] = done.stderr.splitlines()
    assert "Kafka at 127.0.0.1:1 does not answer" in told
    assert "isthmus ps" in told


def test_help_flows_and_the_lab_teaches_by_examples() -> None:
    told = [each.help or "" for each in build("switch").registered_commands]
    assert any("Then the active side changes, redirection in both forests follows" in each for each in told)
    lab = isthmus("lab", "--help").stdout
    assert "isthmus lab import backup.pst --mailbox ADDRESS" in lab


def test_help_names_every_command_and_imports_none() -> None:
    listed = CliRunner().invoke(build(None), ["--help"])
    assert listed.exit_code == 0
    for command in ("init", "plan", "apply", "status", "mailbox", "switch", "up", "down", "ps", "logs", "demo", "lab"):
        assert f" {command} " in listed.stdout


def test_certificates_are_made_for_each_service_and_the_authority_stays_apart(tmp_path: Path) -> None:
    folder, authority = tmp_path / "tls", tmp_path / "authority"
    result = isthmus(
        "certificates", str(folder), "accountmap", "agent=agent.beta.example,192.0.2.7", "--authority", str(authority)
    )
    assert result.exit_code == 0, result.output
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == {
        *("ca.pem", "accountmap/server.pem", "accountmap/server.key", "agent/server.pem", "agent/server.key")
    }
    assert (folder / "ca.pem").read_bytes() == (authority / "ca.pem").read_bytes()
    before = (folder / "agent" / "server.pem").read_bytes()
    again = isthmus("certificates", str(folder), "agent=agent.beta.example,192.0.2.7", "--authority", str(authority))
    assert again.exit_code == 0
    assert (folder / "agent" / "server.pem").read_bytes() == before
    inside = isthmus("certificates", str(folder), "agent", "--authority", str(folder / "authority"))
    assert inside.exit_code == 2
    assert "must not lie among" in inside.output
