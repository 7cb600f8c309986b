"""Reports of non-delivery (RFC 3461 to 3464) and of reading (RFC 8098), in the words of Exchange."""

from __future__ import annotations

import email.header
import email.message
import email.parser
import email.policy
import email.utils
from datetime import UTC, datetime

_EXPLANATIONS = {
    "5.1.1": "The email address you entered couldn't be found. Please check the recipient's email address and try "
    "to resend the message.",
    "5.1.10": "The email address you entered couldn't be found. Please check the recipient's email address and try "
    "to resend the message.",
    "5.4.14": "The message went round in a loop between servers and was stopped.",
    "4.4.7": "The message couldn't be delivered for too long and is given up.",
}


def is_report(content: bytes) -> bool:
    """Whether the message is itself a report, which must not be answered with one."""
    headers = email.parser.BytesHeaderParser().parsebytes(content)
    return headers.get_content_type() == "multipart/report"


def non_delivery(
    *, host: str, in_domain: str, sender: str, recipient: str, status: str, text: str, original: bytes
) -> bytes:
    """A report to ``sender`` that the message did not reach ``recipient``; carries the original's headers."""
    headers = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(original)
    report = email.message.Message(policy=email.policy.compat32)
    report["From"] = f"Microsoft Outlook <postmaster@{in_domain}>"
    report["To"] = sender
    report["Subject"] = f"Undeliverable: {_one_line(headers.get('Subject', ''))}"
    report["Date"] = email.utils.format_datetime(datetime.now(UTC))
    report["Message-ID"] = email.utils.make_msgid(domain=host)
    if headers.get("Message-ID"):
        report["In-Reply-To"] = _one_line(headers["Message-ID"])
    report["Auto-Submitted"] = "auto-replied"
    report["MIME-Version"] = "1.0"
    report["Content-Type"] = "multipart/report; report-type=delivery-status"

    words = email.message.Message()
    words["Content-Type"] = "text/plain; charset=utf-8"
    code = "550" if status.startswith("5") else "450"
    words.set_payload(
        "Delivery has failed to these recipients or groups:\n\n"
        f"{recipient}\n{_EXPLANATIONS.get(status, 'The message could not be delivered.')}\n\n"
        "Diagnostic information for administrators:\n\n"
        f"Generating server: {host}\n\n{recipient}\nRemote Server returned '{code} {status} {text}'\n",
        "utf-8",
    )
    facts = email.message.Message()
    facts["Reporting-MTA"] = f"dns;{host}"
    about = email.message.Message()
    about["Final-Recipient"] = f"rfc822;{recipient}"
    about["Action"] = "failed"
    about["Status"] = status
    about["Diagnostic-Code"] = f"smtp;{code} {status} {text}"
    delivery_status = email.message.Message()
    delivery_status["Content-Type"] = "message/delivery-status"
    delivery_status.set_payload([facts, about])
    quoted = email.message.Message()
    quoted["Content-Type"] = "text/rfc822-headers; charset=utf-8"
    quoted.set_payload("".join(f"{name}: {value}\n" for name, value in headers.raw_items()), "utf-8")

    report.set_payload([words, delivery_status, quoted])
    return report.as_bytes(policy=email.policy.SMTP.clone(utf8=False))


def read_notice(*, host: str, reader: tuple[str, str], sender: str, subject: str, message_id: str) -> bytes:
    """A receipt for ``sender``: the ``reader``, a name and an address, has read the message."""
    name, address = reader
    now = datetime.now(UTC)
    report = email.message.Message(policy=email.policy.compat32)
    report["From"] = email.utils.formataddr((name, address))
    report["To"] = sender
    report["Subject"] = email.header.Header(f"Read: {_one_line(subject)}", "utf-8").encode()
    report["Date"] = email.utils.format_datetime(now)
    report["Message-ID"] = email.utils.make_msgid(domain=host)
    if message_id:
        report["In-Reply-To"] = _one_line(message_id)
    report["Auto-Submitted"] = "auto-replied"
    report["MIME-Version"] = "1.0"
    report["Content-Type"] = "multipart/report; report-type=disposition-notification"

    words = email.message.Message()
    words["Content-Type"] = "text/plain; charset=utf-8"
    words.set_payload(
        f"Your message\n\n   Subject: {_one_line(subject)}\n\nwas read on {email.utils.format_datetime(now)}.\n",
        "utf-8",
    )
    facts = email.message.Message()
    facts["Reporting-UA"] = host
    facts["Final-Recipient"] = f"rfc822;{address}"
    if message_id:
        facts["Original-Message-ID"] = _one_line(message_id)
    facts["Disposition"] = "automatic-action/MDN-sent-automatically; displayed"
    notification = email.message.Message()
    notification["Content-Type"] = "message/disposition-notification"
    notification.set_payload([facts])

    report.set_payload([words, notification])
    return report.as_bytes(policy=email.policy.SMTP.clone(utf8=False))


def _one_line(value: object) -> str:
    return " ".join(str(value).split())
