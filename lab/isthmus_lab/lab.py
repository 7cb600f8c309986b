"""Two complete Exchange organisations in a folder, ready to be started by whoever supervises programs.

lab = Lab(Path("data/lab"), LabOptions(people=25, items=5000, seed=1))
programs = lab.prepare(print)              # forests, Exchange servers, people at work
lab.write_project(Path("project.yaml"), Path("secrets"))
lab.info()                                 # addresses, accounts, passwords
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from isthmus_lab import people
from isthmus_lab.exchange.program import Serving, last_serving
from isthmus_lab.exchange.program import program as exchange_program
from isthmus_lab.exchange.settings import AddressSpace, Settings
from isthmus_lab.exchange.settings import Forest as ForestSettings
from isthmus_lab.forests import Forest, prepare
from isthmus_lab.layout import ServicePasswords, layout
from isthmus_lab.organisation import ALPHA, BETA, BOTH, HTTPS_PORT, SMTP_PORT, Organisation
from isthmus_lab.pki import Authority
from isthmus_lab.population.people import Population, populate
from isthmus_lab.population.recipients import recipients
from isthmus_lab.program import Program
from isthmus_lab.project import project_text
from isthmus_lab.store import Store


class LabError(Exception):
    """The lab cannot do what was asked; the message says what to do."""


@dataclass(frozen=True)
class LabOptions:
    """How large the lab is. The same numbers give the same people and the same mail."""

    people: int = 25
    """In alpha; beta has a third of that of its own, and some of alpha's people have an account there already."""
    items: int = 5000
    """In alpha's mailboxes together; people in beta have as many each."""
    seed: int = 1
    actions_per_minute: float = 60.0
    """What the people at work do together, in both organisations; 0 leaves them at home."""


class Lab:
    """The lab of one folder. Opening it does nothing; `prepare` makes what is missing."""

    def __init__(self, folder: Path, options: LabOptions | None = None) -> None:
        self.folder = folder.absolute()
        self.options = options or LabOptions()
        self._record = self.folder / "lab.json"

    # --- making it --------------------------------------------------------------------------------------------------

    def prepare(
        self, say: Callable[[str], None] = lambda _: None, serving: Mapping[str, Serving] | None = None
    ) -> list[Program]:
        """The programs of the lab, after making what they need at the first call (about 20 s for 5,000 items).

        A lab whose making was interrupted is made anew; a finished one is opened, whatever the options say now.
        `serving` is by organisation; without it the servers serve as they did last.
        `say` gets a line for each part that was made. Not for several threads or processes at once.
        """
        if not self._record.exists():
            for organisation in BOTH:
                shutil.rmtree(self.folder / organisation.name, ignore_errors=True)
            self._make(say)
        info = self.info()
        forests = {organisation.name: self.forest(organisation) for organisation in BOTH}
        programs = [forest.program() for forest in forests.values()]
        for name, forest in forests.items():
            programs.append(self._exchange(forest, info, serving[name] if serving else self.serving(name)))
        if info["options"]["actions_per_minute"] > 0:
            programs.append(people.program(self.folder, self._record, info["options"]["actions_per_minute"]))
        return programs

    def _make(self, say: Callable[[str], None]) -> None:
        from isthmus_lab.population import public

        self.folder.mkdir(parents=True, exist_ok=True)
        everybody = populations(self.options)
        passwords = {
            organisation.name: {person.address: _password() for person in everybody[organisation.name].people}
            for organisation in BOTH
        }
        services = {organisation.name: ServicePasswords(_password(), _password()) for organisation in BOTH}

        def forest(organisation: Organisation) -> Forest:
            started = time.monotonic()
            made = prepare(self.folder / organisation.name / "forest", organisation, _password())
            population = everybody[organisation.name]
            made.load(
                [
                    *layout(organisation, services[organisation.name]),
                    *recipients(population, passwords[organisation.name]),
                    *public.entries(population, self.options.seed),
                ]
            )
            say(f"Forest {organisation.realm}: {len(population.people)} people ({time.monotonic() - started:.1f} s)")
            return made

        with ThreadPoolExecutor(len(BOTH)) as threads:
            forests = [threads.submit(forest, organisation) for organisation in BOTH]
            today = date.today()
            for organisation in BOTH:
                self._fill(organisation, everybody[organisation.name], today, say)
            made = {organisation.name: each.result() for organisation, each in zip(BOTH, forests, strict=True)}
        self._write_record(
            {
                "options": asdict(self.options),
                "organisations": {
                    organisation.name: _description(
                        made[organisation.name],
                        everybody[organisation.name],
                        passwords[organisation.name],
                        services[organisation.name],
                    )
                    for organisation in BOTH
                },
            }
        )

    def _fill(
        self, organisation: Organisation, population: Population, today: date, say: Callable[[str], None]
    ) -> None:
        # Read only here: it brings the parsers of mail and calendars, which no other use of a lab needs.
        from isthmus_lab.population import public
        from isthmus_lab.population.mailboxes import fill
        from isthmus_lab.population.surroundings import surround

        started = time.monotonic()
        working = [person for person in population.people if not person.also_in_alpha]
        items = self.options.items * len(working) // self.options.people
        store = Store(self._exchange_folder(organisation) / "mailboxes")
        try:
            written = fill(store, population, items, self.options.seed, today) if items else 0
            posted = max(items // 20, 40) if items else 0
            written += public.fill_public_folders(store, population, posted, self.options.seed, today)
            surround(store, population, self.options.seed)
        finally:
            store.close()
        say(f"Mailboxes of {organisation.name}: {written:,} items ({time.monotonic() - started:.1f} s)")

    def _write_record(self, info: Mapping[str, Any]) -> None:
        draft = self._record.with_suffix(".new")
        draft.touch(mode=0o600)  # it holds passwords
        draft.write_text(json.dumps(info, indent=2, ensure_ascii=False), encoding="utf-8")
        draft.replace(self._record)

    def _exchange_folder(self, organisation: Organisation) -> Path:
        return self.folder / organisation.name / "exchange"

    def _exchange(self, forest: Forest, info: Mapping[str, Any], serving: Serving) -> Program:
        organisation = forest.organisation
        other = next(each for each in BOTH if each != organisation)
        described = info["organisations"]
        folder = self._exchange_folder(organisation)
        authority = Authority.open(forest.ca_file.parent, f"{organisation.title} lab authority")
        certificate = authority.issue(
            folder / "tls", [organisation.mail_host, f"autodiscover.{organisation.mail_domain}"], [forest.address]
        )
        settings = Settings(
            organisation=organisation.name,
            host_name=organisation.mail_host,
            url_host=forest.address,
            forest=ForestSettings(
                url=forest.url,
                ca_file=forest.ca_file,
                user=organisation.exchange_account,
                password=SecretStr(described[organisation.name]["exchange_password"]),
                base=organisation.base,
            ),
            netbios=organisation.netbios,
            listen=forest.address,
            https_port=HTTPS_PORT,
            smtp_port=SMTP_PORT,
            certificate=certificate.certificate,
            key=certificate.key,
            store=folder,
            accepted_domains=organisation.accepted_domains,
            connectors=dict.fromkeys(other.accepted_domains, described[other.name]["smtp"]),
            availability=dict.fromkeys(
                other.accepted_domains,
                AddressSpace(
                    url=described[other.name]["ews"],
                    user=other.exchange_account,
                    password=described[other.name]["exchange_password"],
                    ca_file=described[other.name]["ca_file"],
                ),
            ),
            impersonation_group=organisation.impersonation_group,
            discovery_group=organisation.discovery_group,
            retry_seconds=1.0,
            version=serving.version,
            conditions=serving.conditions,
            authentication=serving.authentication,
        )
        return exchange_program(settings, folder, forest.ca_file)

    # --- using it ---------------------------------------------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        """Everything a program needs to use the lab, passwords included. LabError when there is no lab yet.

        {"options": {…}, "organisations": {"alpha": {"ews": url, "autodiscover": url, "smtp": "host:port",
        "ldap": "ldaps://…", "base": DN, "mail_domain": …, "ca_file": path, "account": {"user", "password"},
        "administrator": {"user", "password"}, "people": [{"address", "user", "password", "name", "department",
        "mailbox": guid, "also_in_alpha": bool}], "rooms": [{"address", "name"}], "groups": […]}, "beta": …}}
        """
        try:
            info: dict[str, Any] = json.loads(self._record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise LabError(
                f"there is no lab in {self.folder}; 'isthmus lab up' or 'isthmus up --lab' makes one"
            ) from None
        return info

    def _missing(self) -> LabError:
        return LabError(f"there is no lab in {self.folder}; 'isthmus lab up' or 'isthmus up --lab' makes one")

    def serving(self, organisation: str) -> Serving:
        """How its Exchange server serves, or did last, as far as it was told by a start."""
        return last_serving(self.folder / organisation / "exchange") or Serving()

    def forest(self, organisation: Organisation) -> Forest:
        """The forest of an organisation of this lab."""
        folder = self.folder / organisation.name / "forest"
        if not (folder / "forest.json").exists():
            raise self._missing()
        return prepare(folder, organisation, "")

    @property
    def journal(self) -> Path:
        """What the people at work did, one JSON object a line; see isthmus_lab.people."""
        return people.journal_file(self.folder)

    def write_project(self, path: Path, secrets_folder: Path) -> None:
        """Write the project file of a migration from alpha to beta, if there is none, and the secrets that it names."""
        info = self.info()["organisations"]
        secrets_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, described in info.items():
            password = secrets_folder / f"{name}-password"
            password.touch(mode=0o600)
            password.write_text(f"{described['account']['password']}\n", encoding="utf-8")
            shutil.copyfile(described["ca_file"], secrets_folder / f"{name}-ca.pem")
        if not path.exists():  # somebody may have changed it since
            path.write_text(project_text(ALPHA, BETA, info), encoding="utf-8")


def populations(options: LabOptions) -> dict[str, Population]:
    """Who works in each organisation, by its name."""
    alpha = populate(ALPHA, options.people, options.seed)
    beta = populate(BETA, max(3, options.people // 3), options.seed, known=alpha.people[2::7])
    return {"alpha": alpha, "beta": beta}


def _password() -> str:
    return secrets.token_urlsafe(12)


def _description(
    forest: Forest, population: Population, passwords: Mapping[str, str], services: ServicePasswords
) -> dict[str, Any]:
    organisation = forest.organisation
    web = f"https://{forest.address}:{HTTPS_PORT}"
    return {
        "ews": f"{web}/EWS/Exchange.asmx",
        "autodiscover": f"{web}/autodiscover/autodiscover.xml",
        "smtp": f"{forest.address}:{SMTP_PORT}",
        "ldap": forest.url,
        "base": organisation.base,
        "mail_domain": organisation.mail_domain,
        "ca_file": str(forest.ca_file),
        "account": {"user": organisation.isthmus_account, "password": services.isthmus},
        "administrator": {"user": organisation.administrator, "password": forest.administrator_password},
        "exchange_password": services.exchange,
        "people": [
            {
                "address": person.address,
                "user": person.principal,
                "password": passwords[person.address],
                "name": person.display_name,
                "language": person.language,
                "department": person.department,
                "mailbox": str(person.mailbox),
                "also_in_alpha": person.also_in_alpha,
            }
            for person in population.people
        ],
        "rooms": [{"address": room.address, "name": room.display_name} for room in population.rooms],
        "groups": [{"address": group.address, "name": group.display_name} for group in population.groups],
    }
