"""Inbox rules: kept as messages in the Inbox, decided and carried out when mail is delivered ([MS-OXORULE])."""
