"""Meetings between calendars: the messages that go round, and what each does to a calendar ([MS-OXOCAL] 3.1.4.7 to .9).

Decisions are functions of property bags; only `attendant` and `calendar` touch a mailbox.
"""
