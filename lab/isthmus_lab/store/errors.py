"""What the store refuses, one class for each answer that EWS gives a name of its own."""


class StoreError(Exception):
    """The store could not do what was asked; nothing was changed."""


class NotFoundError(StoreError):
    """No such mailbox, folder or item: ErrorItemNotFound, ErrorFolderNotFound."""


class FolderExistsError(StoreError):
    """The parent already has a folder of that name: ErrorFolderExists."""


class NotAllowedError(StoreError):
    """A distinguished folder cannot be deleted, moved or renamed, a folder cannot go into itself."""


class StaleChangeKeyError(StoreError):
    """The object changed since the change key was read: ErrorIrresolvableConflict."""


class InvalidSyncStateError(StoreError):
    """The sync state is not one of ours, or of another folder: ErrorInvalidSyncStateData."""
