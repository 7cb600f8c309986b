"""What each schema version added: operations, elements and folders that older ones do not know.

A request is held to the schema version that it names (RequestServerVersion); an answer has nothing that is newer. What
is in no list here has been there since Exchange 2007 SP1. The versions are those of each element's reference.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from lxml import etree

from .errors import EwsError
from .names import TYPES, Element, local
from .versions import SCHEMAS, is_newer

_NEWEST: Final = SCHEMAS[-1]

_OPERATIONS: Final = {
    "Exchange2010": (
        "CreateUserConfiguration DeleteUserConfiguration GetUserConfiguration UpdateUserConfiguration GetMailTips "
        "FindMessageTrackingReport GetMessageTrackingReport GetRoomLists GetRooms GetServerTimeZones "
        "GetServiceConfiguration GetSharingFolder GetSharingMetadata RefreshSharingFolder PlayOnPhone "
        "GetPhoneCallInformation DisconnectPhoneCall"
    ),
    "Exchange2010_SP1": (
        "EmptyFolder ExportItems UploadItems FindConversation ApplyConversationAction GetInboxRules UpdateInboxRules "
        "GetStreamingEvents FindMailboxStatisticsByKeywords"
    ),
    "Exchange2010_SP2": "GetPasswordExpirationDate",
    "Exchange2013": (
        "ArchiveItem CreateFolderPath MarkAsJunk MarkAllItemsAsRead FindPeople GetPersona GetConversationItems "
        "GetUserPhoto GetUserRetentionPolicyTags GetAppManifests GetAppMarketplaceUrl InstallApp UninstallApp "
        "DisableApp GetClientAccessToken GetReminders PerformReminderAction SearchMailboxes GetSearchableMailboxes "
        "GetDiscoverySearchConfiguration GetHoldOnMailboxes SetHoldOnMailboxes GetNonIndexableItemDetails "
        "GetNonIndexableItemStatistics AddNewImContactToGroup AddImContactToGroup AddImGroup GetImItemList "
        "GetImItems RemoveContactFromImList RemoveImContactFromGroup RemoveImGroup SetImGroup"
    ),
}
_ELEMENTS: Final = {
    "Exchange2010": "UniqueBody ConversationId StartTimeZone EndTimeZone IsAssociated WebClientReadFormQueryString",
    "Exchange2010_SP1": "StoreEntryId StreamingSubscriptionRequest",
    "Exchange2013": (
        "Flag Preview TextBody NormalizedBody InstanceKey RetentionDate PolicyTag ArchiveTag EntityExtractionResult "
        "ReminderNextTime BlockStatus HasBlockedImages IsOrganizer StartWallClock EndWallClock StartTimeZoneId "
        "EndTimeZoneId EnhancedLocation JoinOnlineMeetingUrl OnlineMeetingSettings ReminderMessageData"
    ),
    "Exchange2016": "MimeContentUTF8 Mentions MentionedMe",
}
_FOLDERS: Final = {
    "Exchange2010_SP1": (
        "recoverableitemsroot recoverableitemsdeletions recoverableitemsversions recoverableitemspurges archiveroot "
        "archivemsgfolderroot archivedeleteditems archiverecoverableitemsroot archiverecoverableitemsdeletions "
        "archiverecoverableitemsversions archiverecoverableitemspurges"
    ),
    "Exchange2013": (
        "syncissues conflicts localfailures serverfailures recipientcache quickcontacts conversationhistory "
        "adminauditlogs todosearch mycontacts directory imcontactlist peopleconnect archiveinbox favorites"
    ),
}


def _inverted(lists: dict[str, str]) -> dict[str, str]:
    return {name: schema for schema, names in lists.items() for name in names.split()}


OPERATION_SINCE: Final = _inverted(_OPERATIONS)
ELEMENT_SINCE: Final = _inverted(_ELEMENTS)
_FOLDER_SINCE: Final = _inverted(_FOLDERS)


def refuse_newer(request: Element, schema: str) -> None:
    """Raises EwsError ErrorSchemaValidation for what the schema of that version does not have."""
    if schema == _NEWEST:
        return
    _refuse("child element", local(request), OPERATION_SINCE, schema)
    for node in request.iter(etree.Element):
        name = local(node)
        if name == "FieldURI":
            uri = node.get("FieldURI", "")
            _refuse("FieldURI", uri.partition(":")[2], ELEMENT_SINCE, schema)
        elif name == "DistinguishedFolderId":
            _refuse("Id", node.get("Id", ""), _FOLDER_SINCE, schema)
        else:
            _refuse("child element", name, ELEMENT_SINCE, schema)


def without_newer(answer: Element, schema: str) -> Element:
    """The answer without the elements that came after that version."""
    if schema != _NEWEST:
        for node in list(answer.iter(*_newer(schema))):
            parent = node.getparent()
            if parent is not None:
                parent.remove(node)
    return answer


@cache
def _newer(schema: str) -> list[str]:
    return [f"{{{TYPES}}}{name}" for name, since in ELEMENT_SINCE.items() if is_newer(since, schema)]


def _refuse(what: str, name: str, since: dict[str, str], schema: str) -> None:
    if name in since and is_newer(since[name], schema):
        raise EwsError(
            "ErrorSchemaValidation", f"The request failed schema validation: {schema} does not know the {what} {name}."
        )
