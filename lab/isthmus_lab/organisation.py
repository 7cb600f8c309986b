"""The two organisations of the lab: their names, their places in the directory, the accounts that serve them.

Everything here is a name that never changes; what depends on the machine (addresses, ports, passwords, folders) is
elsewhere. Names end in .test, which RFC 6761 keeps free for this.
"""

from __future__ import annotations

from dataclasses import dataclass

HTTPS_PORT, SMTP_PORT = 8443, 2525
"""Of the Exchange servers; each has a loopback address of its own, so the ports are always free."""

ADMINISTRATIVE_GROUP = "Exchange Administrative Group (FYDIBOHF23SPDLT)"


@dataclass(frozen=True)
class Organisation:
    """An Exchange organisation in a forest of its own."""

    name: str
    realm: str
    """DNS name of the forest's only domain."""
    netbios: str
    mail_domain: str
    redirection_domain: str
    """An otherwise unused domain that this organisation accepts, for mail redirection (D5)."""

    @property
    def title(self) -> str:
        return self.name.capitalize()

    @property
    def accepted_domains(self) -> tuple[str, ...]:
        return (self.mail_domain, f"old.{self.mail_domain}", self.redirection_domain)

    @property
    def base(self) -> str:
        return ",".join(f"DC={part}" for part in self.realm.split("."))

    @property
    def configuration(self) -> str:
        return f"CN=Configuration,{self.base}"

    @property
    def host_name(self) -> str:
        return f"dc-{self.name}"

    @property
    def mail_host(self) -> str:
        """The name the Exchange server goes by; nothing resolves it, certificates and greetings carry it."""
        return f"mail.{self.mail_domain}"

    # --- the directory's places -------------------------------------------------------------------------------------

    @property
    def root_ou(self) -> str:
        """Holds every recipient; the account Isthmus uses may write here and nowhere else."""
        return f"OU={self.title},{self.base}"

    @property
    def people_ou(self) -> str:
        return f"OU=People,{self.root_ou}"

    @property
    def groups_ou(self) -> str:
        return f"OU=Groups,{self.root_ou}"

    @property
    def contacts_ou(self) -> str:
        return f"OU=Contacts,{self.root_ou}"

    @property
    def rooms_ou(self) -> str:
        return f"OU=Rooms,{self.root_ou}"

    @property
    def arrivals_ou(self) -> str:
        """Where a migration creates what comes from the other organisation."""
        return f"OU=Arrivals,{self.root_ou}"

    @property
    def services_ou(self) -> str:
        return f"OU=Services,{self.base}"

    @property
    def organisation_container(self) -> str:
        return f"CN={self.title},CN=Microsoft Exchange,CN=Services,{self.configuration}"

    @property
    def administrative_group(self) -> str:
        return f"CN={ADMINISTRATIVE_GROUP},CN=Administrative Groups,{self.organisation_container}"

    @property
    def server(self) -> str:
        return f"EX-{self.netbios}"

    @property
    def mailbox_database(self) -> str:
        return f"CN={self.title} Mailboxes 1,CN=Databases,{self.administrative_group}"

    @property
    def legacy_server(self) -> str:
        """msExchHomeServerName of everybody whose mailbox is here."""
        return f"/o={self.title}/ou={ADMINISTRATIVE_GROUP}/cn=Configuration/cn=Servers/cn={self.server}"

    def legacy_exchange_dn(self, cn: str) -> str:
        return f"/o={self.title}/ou={ADMINISTRATIVE_GROUP}/cn=Recipients/cn={cn}"

    # --- accounts ---------------------------------------------------------------------------------------------------

    @property
    def administrator(self) -> str:
        return f"Administrator@{self.realm}"

    @property
    def isthmus_account(self) -> str:
        """Reads changes (DirSync), writes recipients, and may impersonate every mailbox."""
        return f"svc-isthmus@{self.realm}"

    @property
    def isthmus_dn(self) -> str:
        return f"CN=svc-isthmus,{self.services_ou}"

    @property
    def exchange_account(self) -> str:
        """The Exchange server itself: reads recipients."""
        return f"svc-exchange@{self.realm}"

    @property
    def exchange_dn(self) -> str:
        return f"CN=svc-exchange,{self.services_ou}"

    @property
    def impersonation_group(self) -> str:
        return f"CN=Application Impersonation,{self.services_ou}"

    @property
    def discovery_group(self) -> str:
        return f"CN=Discovery Management,{self.services_ou}"


ALPHA = Organisation("alpha", "corp.alpha.test", "ALPHA", "alpha.test", "alpha.redirect.test")
BETA = Organisation("beta", "corp.beta.test", "BETA", "beta.test", "beta.redirect.test")
BOTH = (ALPHA, BETA)


def named(name: str) -> Organisation:
    """The organisation of this name; LookupError names those that exist."""
    for organisation in BOTH:
        if organisation.name == name:
            return organisation
    raise LookupError(f"the lab has no organisation {name!r}; it has alpha and beta")
