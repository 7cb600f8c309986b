"""What can go wrong with a forest, in words that name the server and what the operator can do."""

from __future__ import annotations


class DirectoryError(Exception):
    """Something about a forest went wrong."""


class DirectoryUnavailable(DirectoryError):  # noqa: N818
    """The domain controller cannot be reached, or went away; trying again later may help."""


class DirectoryRefused(DirectoryError):  # noqa: N818
    """The domain controller said no: wrong password, missing right, an object that is not there."""


class WriteRefused(DirectoryRefused):
    """An object could not be written; the others are not concerned."""


class BookmarkUnusable(DirectoryError):  # noqa: N818
    """The place in the forest's history that was kept no longer exists; everything must be compared anew."""
