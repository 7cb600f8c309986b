"""`isthmus lab up` and `isthmus lab down`: the lab without Isthmus, as somebody who tests other software uses it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from isthmus_lab.supervise import Supervisor
from lxml import etree

from tests.plugins.conditions import ENVELOPE, GET_INBOX, Answer, drafts, item_ids

ISTHMUS = Path(sys.executable).with_name("isthmus")


def isthmus(*arguments: str) -> str:
    """The command's output; it must succeed."""
    done = subprocess.run([ISTHMUS, *arguments], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


EVERYTHING = """
seed: 4
rules:
  # Each befalls one request, in this order; what is refused was not asked of the rules behind it.
  - {fault: reset, when: before, operations: [CreateItem], times: 1}
  - {fault: reset, when: after, operations: [CreateItem], times: 1}
  - {fault: no-answer, when: after, operations: [CreateItem], seconds: 0.1, times: 1}
  - {fault: drop-tls, operations: [GetFolder], times: 1}
  - {fault: status, status: 401, operations: [GetFolder], times: 1}
  - {fault: status, status: 503, retry_after: 7, operations: [GetFolder], times: 1}
  - {fault: error, code: ErrorMailboxMoveInProgress, operations: [GetFolder], times: 1}
  - {fault: busy, shape: fault, back_off_ms: 4000, operations: [GetFolder], times: 1}
  - {fault: busy, shape: message, back_off_ms: 5000, operations: [GetFolder], times: 1}
  - {fault: busy, shape: unavailable, back_off_ms: 6000, operations: [GetFolder], times: 1}
  - {fault: slow, seconds: 0.5, operations: [FindFolder], times: 1}
  - {fault: malformed, operations: [FindFolder], times: 1, skip: 1}
  - {fault: truncated, operations: [FindFolder], times: 1, skip: 2}
  - {fault: short-page, most: 1, operations: [SyncFolderItems]}
  - {fault: expired-state, operations: [SyncFolderItems], times: 1}
  - {fault: item-error, code: ErrorItemCorrupt, operations: [GetItem], subjects: [Two], times: 1}
  - {fault: item-error, code: ErrorMessageSizeExceeded, operations: [ExportItems], larger_than: 10}
  - {fault: folder-error, code: ErrorFolderCorrupt, operations: [FindItem], times: 1}
  - {fault: duplicate-delivery, times: 1}
"""
FIND_FOLDERS = (
    '<m:FindFolder Traversal="Shallow"><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>'
    '<m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds></m:FindFolder>'
)
SYNC_DRAFTS = (
    "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId>"
    '<t:DistinguishedFolderId Id="drafts"/></m:SyncFolderId>{}<m:MaxChangesReturned>10</m:MaxChangesReturned>'
    "</m:SyncFolderItems>"
)
SEND = (
    '<m:CreateItem MessageDisposition="SendOnly"><m:Items><t:Message><t:Subject>Comes twice</t:Subject><t:ToRecipients>'
    "<t:Mailbox><t:EmailAddress>{}</t:EmailAddress></t:Mailbox></t:ToRecipients></t:Message></m:Items></m:CreateItem>"
)
COME = (
    '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:Restriction>'
    '<t:IsEqualTo><t:FieldURI FieldURI="item:Subject"/><t:FieldURIOrConstant><t:Constant Value="Comes twice"/>'
    '</t:FieldURIOrConstant></t:IsEqualTo></m:Restriction><m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/>'
    "</m:ParentFolderIds></m:FindItem>"
)


def everything_befalls(post: Callable[[str], requests.Response], address: str) -> None:
    """Each fault of the plan, one after the other, as a client meets it."""

    def ask(body: str) -> Answer:
        answer = post(body)
        return Answer(answer.status_code, answer.text, answer.headers)

    for subject in ("Never", "One", "Two"):  # before the effect, after it, and no answer after it
        with pytest.raises(requests.ConnectionError):
            ask(drafts(subject))
    with pytest.raises(requests.ConnectionError):
        ask(GET_INBOX)
    assert ask(GET_INBOX).status == 401
    answer = ask(GET_INBOX)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert ask(GET_INBOX).codes == ["ErrorMailboxMoveInProgress"]
    answer = ask(GET_INBOX)
    assert (answer.status, answer.codes) == (500, ["ErrorServerBusy"])
    assert 'Name="BackOffMilliseconds">4000<' in answer.text
    answer = ask(GET_INBOX)
    assert (answer.status, answer.codes) == (200, ["ErrorInternalServerError"])
    assert 'Name="InnerErrorResponseCode">ErrorServerBusy<' in answer.text
    assert 'Name="BackOffMilliseconds">5000<' in answer.text
    answer = ask(GET_INBOX)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "6")
    assert ask(GET_INBOX).codes == ["NoError"]
    began = time.monotonic()
    assert ask(FIND_FOLDERS).codes == ["NoError"]
    assert time.monotonic() - began >= 0.5
    for _ in ("malformed", "truncated"):
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(ask(FIND_FOLDERS).text.encode())
    assert ask(FIND_FOLDERS).codes == ["NoError"]
    answer = ask(SYNC_DRAFTS.format(""))
    [newest] = answer.ids()
    assert "IncludesLastItemInRange>false<" in answer.text
    [state] = re.findall(r"SyncState>([^<]+)<", answer.text)
    on = SYNC_DRAFTS.format(f"<m:SyncState>{state}</m:SyncState>")
    assert ask(on).codes == ["ErrorInvalidSyncStateData"]
    assert len(ask(on).ids()) == 1
    get = "<m:GetItem><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape>{}</m:GetItem>"
    assert ask(get.format(item_ids([newest]))).codes == ["ErrorItemCorrupt"]
    assert "<t:Subject>Two<" in ask(get.format(item_ids([newest]))).text
    assert ask(f"<m:ExportItems>{item_ids([newest])}</m:ExportItems>").codes == ["ErrorMessageSizeExceeded"]
    assert ask(COME).codes == ["ErrorFolderCorrupt"]
    assert ask(SEND.format(address)).codes == ["NoError"]
    until(lambda: len(ask(COME).ids()) == 2)


def test_up_changes_and_down(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    plan = tmp_path / "plan.yaml"
    plan.write_text("seed: 1\nrules:\n  - {fault: error, code: ErrorMailboxMoveInProgress, operations: [GetFolder]}\n")
    small = ("--people", "3", "--items", "10")
    try:
        start = ("--version", "2010", "--logon", "NTLM,Basic")
        said = isthmus("lab", "up", *data, *small, *start, "--throttling", "default")
        info = json.loads(isthmus("lab", "info", "--json", *data))
        for name in ("alpha", "beta"):
            assert info[name]["ews"] in said
        described = info["alpha"]
        person = described["people"][0]

        def ask(body: str = GET_INBOX) -> requests.Response:
            return requests.post(
                described["ews"],
                data=ENVELOPE.format(header="", body=body).encode(),
                auth=(person["user"], person["password"]),
                headers={"Content-Type": "text/xml"},
                verify=described["ca_file"],
                timeout=30,
            )

        def too_large() -> bool:
            """Whether IIS says so of a request above the 25 MB of Exchange 2010."""
            return ask(GET_INBOX + " " * 26_214_400).status_code == 404

        def served() -> bool:
            try:
                return bool(ask().status_code)
            except requests.ConnectionError:
                return False

        answer = ask()
        assert answer.status_code == 200
        assert 'MajorVersion="14" MinorVersion="2"' in answer.text
        offered = requests.post(described["ews"], data="x", verify=described["ca_file"], timeout=30)
        assert offered.headers["WWW-Authenticate"].startswith("NTLM, Basic")
        assert too_large()
        assert "nothing of it is changed" in isthmus("lab", "up", *data)
        said = isthmus("lab", "up", *data, "--faults", str(plan))
        assert "are changed" in said
        assert "as Exchange2010_SP2, logon NTLM, Basic" in said
        assert {"ErrorMailboxMoveInProgress", "max_concurrency"} <= set(said.split('"'))
        assert "ErrorMailboxMoveInProgress" in ask().text
        assert "--people is 3" in isthmus("lab", "up", *data, "--people", "5", "--round-trip", "1")
        assert "ErrorMailboxMoveInProgress" in ask().text

        # The other command shows what holds and what struck, and changes one server alone.
        shown = json.loads(isthmus("lab", "conditions", "--json", *data))
        assert {each["version"] for each in shown.values()} == {"Exchange2010_SP2"}
        assert shown["alpha"]["injected"]["error-1"] >= 1
        assert shown["beta"]["conditions"]["delay"]["round_trip_ms"] == 1
        said = isthmus("lab", "conditions", "--organisation", "alpha", "--reset", "--round-trip", "2", *data)
        assert re.search(r"round trip +2 ms +1 ms", said), said
        assert re.search(r"beta +error-1 +error\b.* GetFolder +\* +0", said), said
        assert "ErrorMailboxMoveInProgress" not in ask().text
        isthmus("lab", "conditions", "--faults", str(plan), *data)

        # A server that dies comes back, as it served.
        supervisor = Supervisor(tmp_path / "lab")
        [server] = [each for each in supervisor.status() if each.name == "exchange-alpha"]
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: served() and "ErrorMailboxMoveInProgress" in ask().text)

        # Everything that can go wrong, from a plan; and a line as long as an ocean is wide.
        plan.write_text(EVERYTHING)
        isthmus("lab", "up", *data, "--faults", str(plan))
        everything_befalls(ask, person["address"])
        isthmus(
            "lab", "up", *data, "--faults", "none", "--round-trip", "100", "--call-time", "200", "--item-time", "300"
        )
        began = time.monotonic()
        assert ask().status_code == 200
        assert time.monotonic() - began >= 0.6
        # Batches that end half-way, and sync states that do not live long.
        isthmus("lab", "up", *data, "--round-trip", "0", "--call-time", "0", "--batch-seconds", "0.4")
        made = ask(drafts("In time", "Too late", "Never begun"))
        codes = re.findall("ResponseCode>([^<]+)<", made.text)
        assert codes == ["NoError", "ErrorTimeoutExpired", "ErrorBatchProcessingStopped"]
        limits = ("--batch-seconds", "60", "--item-time", "0", "--sync-state-changes", "1")
        assert "limits" in isthmus("lab", "up", *data, *limits)
        [state] = re.findall(r"SyncState>([^<]+)<", ask(SYNC_DRAFTS.format("")).text)
        on = SYNC_DRAFTS.format(f"<m:SyncState>{state}</m:SyncState>")
        assert "NoError" in ask(on).text
        assert ask(drafts("One", "Two")).status_code == 200
        assert "ErrorInvalidSyncStateData" in ask(on).text
        isthmus("lab", "up", *data, "--sync-state-changes", "none")
        assert "NoError" in ask(on).text

        # What a running server cannot change is changed all the same.
        assert "started again as Exchange2016" in isthmus("lab", "up", *data, "--version", "2016", "--faults", "none")
        answer = ask()
        assert answer.status_code == 200
        assert 'MajorVersion="15"' in answer.text
        assert not too_large()
    finally:
        isthmus("lab", "down", *data)
    with pytest.raises(requests.ConnectionError):
        ask()
    assert "No lab is running" in isthmus("lab", "down", *data)
    done = subprocess.run([ISTHMUS, "lab", "conditions", *data], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert f"no lab runs in {tmp_path}" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--version", "2003"), "no version 2003"),
        (("--logon", "Basic,Digest"), "Basic and NTLM"),
        (("--faults", "nowhere.yaml"), "nowhere.yaml: No such file"),
        (("--throttling", "plan.yaml"), "max_cats"),
        (("--sync-state-changes", "many"), "a number of changes or none"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, options: tuple[str, str], says: str) -> None:
    (tmp_path / "plan.yaml").write_text("max_cats: 9\n")
    done = subprocess.run(
        [ISTHMUS, "lab", "up", "--data", str(tmp_path), *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 2
    assert says in done.stderr
