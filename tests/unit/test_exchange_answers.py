"""Every item of a population, in every shape and by every way of asking, is answered as the schema allows."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from isthmus_lab.exchange.ews.answering import Answering
from isthmus_lab.exchange.ews.call import OPERATIONS, Services
from isthmus_lab.exchange.ews.names import m
from isthmus_lab.mapi import fasttransfer
from isthmus_lab.organisation import ALPHA
from isthmus_lab.population.mailboxes import fill
from isthmus_lab.population.people import Population, populate
from isthmus_lab.store import Store

from tests.plugins.violations import Record
from tests.unit.exchange_in_process import Answers, services_in

SEARCH_KEY = '<t:ExtendedFieldURI PropertyTag="0x300B" PropertyType="Binary"/>'


@pytest.fixture(scope="module")
def population() -> Population:
    return populate(ALPHA, 4, seed=7)


@pytest.fixture(scope="module")
def services(population: Population, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder: Path = tmp_path_factory.mktemp("answers")
    store = Store(folder / "mailboxes")
    fill(store, population, 220, 7, date(2026, 3, 1))
    yield services_in(folder, store)
    store.close()


@pytest.fixture(scope="module")
def everybody(services: Services, population: Population) -> list[Answers]:
    answering = Answering(services)
    return [Answers(answering, person.mailbox, person.address) for person in population.people]


def test_items_are_shown_in_every_shape(everybody: list[Answers]) -> None:
    seen = 0
    for answers in everybody:
        for folder in answers.folders():
            for traversal in ("Shallow", "Associated"):
                ids = answers.listed(folder, "AllProperties", traversal)
                assert answers.listed(folder, "IdOnly", traversal) == ids
                assert answers.listed(folder, "Default", traversal) == ids
                seen += len(ids)
                for shape in ("IdOnly", "Default", "AllProperties"):
                    if ids:
                        items = "".join(f'<t:ItemId Id="{each}"/>' for each in ids)
                        shown = answers.to(
                            f"<m:GetItem><m:ItemShape><t:BaseShape>{shape}</t:BaseShape>"
                            "<t:IncludeMimeContent>true</t:IncludeMimeContent>"
                            f"<t:AdditionalProperties>{SEARCH_KEY}</t:AdditionalProperties></m:ItemShape>"
                            f"<m:ItemIds>{items}</m:ItemIds></m:GetItem>"
                        )
                        assert shown.count(b"<t:MimeContent ") == len(ids)
                        assert shown.count(b'PropertyTag="0x300B"') == len(ids)
    assert seen > 200


def test_attachments_are_given(everybody: list[Answers]) -> None:
    given = 0
    for answers in everybody:
        for folder in answers.folders():
            for item in answers.listed(folder, "IdOnly"):
                attachments = answers.ids(
                    answers.to(
                        "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
                        '<t:FieldURI FieldURI="item:Attachments"/></t:AdditionalProperties></m:ItemShape>'
                        f'<m:ItemIds><t:ItemId Id="{item}"/></m:ItemIds></m:GetItem>'
                    ),
                    "AttachmentId",
                )
                if attachments:
                    wanted = "".join(f'<t:AttachmentId Id="{each}"/>' for each in attachments)
                    answers.to(f"<m:GetAttachment><m:AttachmentIds>{wanted}</m:AttachmentIds></m:GetAttachment>")
                    given += len(attachments)
    assert given > 5


def test_the_quick_way_of_synchronising_says_what_the_long_one_says(everybody: list[Answers]) -> None:
    request = (
        "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{}"
        '</t:AdditionalProperties></m:ItemShape><m:SyncFolderId><t:FolderId Id="{}"/></m:SyncFolderId>'
        "<m:MaxChangesReturned>512</m:MaxChangesReturned><m:SyncScope>NormalAndAssociatedItems</m:SyncScope>"
        "</m:SyncFolderItems>"
    )
    for answers in everybody:
        for folder in answers.folders():
            quick = answers.to(request.format(SEARCH_KEY, folder))
            # The native body is in no table, so each item must be read.
            slow = answers.to(
                request.format(f'{SEARCH_KEY}<t:ExtendedFieldURI PropertyTag="0x7FFF" PropertyType="Integer"/>', folder)
            )
            assert answers.ids(quick) == answers.ids(slow)
            values = re.compile(rb"<t:Value>([^<]*)</t:Value>")
            assert values.findall(quick) == values.findall(slow)


def test_exports_are_the_stores_content(everybody: list[Answers]) -> None:
    for answers in everybody:
        for folder in answers.folders():
            ids = answers.listed(folder, "IdOnly")
            if not ids:
                continue
            items = "".join(f'<t:ItemId Id="{each}"/>' for each in ids)
            exported: list[Any] = re.findall(
                rb"<m:Data>([^<]*)</m:Data>",
                answers.to(f"<m:ExportItems><m:ItemIds>{items}</m:ItemIds></m:ExportItems>"),
            )
            assert len(exported) == len(ids)
            for each in exported:
                assert fasttransfer.decode(base64.b64decode(each)).properties


def test_calendars_are_viewed(everybody: list[Answers]) -> None:
    shown = 0
    for answers in everybody:
        view = answers.to(
            '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape>'
            '<m:CalendarView StartDate="2025-11-01T00:00:00Z" EndDate="2026-06-30T00:00:00Z"/><m:ParentFolderIds>'
            '<t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>'
        )
        occurrences = view.count(b"<t:CalendarItemType>Occurrence</t:CalendarItemType>")
        assert b"RecurringMaster" not in view
        shown += occurrences
        ids = answers.ids(view)
        if ids:
            items = "".join(f'<t:ItemId Id="{each}"/>' for each in ids)
            answers.to(
                "<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape>"
                f"<m:ItemIds>{items}</m:ItemIds></m:GetItem>"
            )
    assert shown > 0


def test_an_answer_that_is_not_valid_does_not_go_out_and_is_noted(
    everybody: list[Answers], violations: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPERATIONS, "GetServerTimeZones", lambda _: m("GetServerTimeZonesResponse", m("Nonsense")))
    status, content = everybody[0].ask("<m:GetServerTimeZones/>")
    assert status == 500
    assert b"is not valid" in content
    (noted,) = violations.new()
    assert (noted["what"], noted["operation"]) == ("answer", "GetServerTimeZones")


def test_a_find_gives_no_more_than_the_policy_allows(services: Services, population: Population) -> None:
    settings = services.settings.model_copy(update={"find_count_limit": 3})
    answers = Answers(Answering(replace(services, settings=settings)), population.people[0].mailbox)
    find = (
        '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>{}'
        '<m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds></m:FindItem>'
    )
    assert b"ErrorExceededFindCountLimit" in answers.ask(find.format(""))[1]
    view = '<m:IndexedPageItemView MaxEntriesReturned="50" Offset="0" BasePoint="Beginning"/>'
    page = answers.to(find.format(view))
    assert len(answers.ids(page)) == 3
    assert b'IncludesLastItemInRange="false"' in page
