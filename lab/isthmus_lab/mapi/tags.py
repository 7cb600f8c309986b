"""Property tags, named properties and property types under their canonical names ([MS-OXPROPS], [MS-OXCDATA] 2.11.1).

A tag is an int 0xPPPPTTTT: property id in the upper, property type in the lower 16 bits. Ids from 0x8000 belong to
named properties, whose number differs from mailbox to mailbox; those are `NamedProperty` values here, never ints.
"""

from typing import NamedTuple
from uuid import UUID

# Property types, [MS-OXCDATA] 2.11.1
PtypInteger16 = 0x0002
PtypInteger32 = 0x0003
PtypFloating32 = 0x0004
PtypFloating64 = 0x0005
PtypCurrency = 0x0006
PtypFloatingTime = 0x0007
PtypErrorCode = 0x000A
PtypBoolean = 0x000B
PtypObject = 0x000D
PtypInteger64 = 0x0014
PtypString8 = 0x001E
PtypString = 0x001F
PtypTime = 0x0040
PtypGuid = 0x0048
PtypServerId = 0x00FB
PtypBinary = 0x0102
PtypMultiple = 0x1000
PtypMultipleInteger16 = 0x1002
PtypMultipleInteger32 = 0x1003
PtypMultipleFloating32 = 0x1004
PtypMultipleFloating64 = 0x1005
PtypMultipleCurrency = 0x1006
PtypMultipleFloatingTime = 0x1007
PtypMultipleInteger64 = 0x1014
PtypMultipleString8 = 0x101E
PtypMultipleString = 0x101F
PtypMultipleTime = 0x1040
PtypMultipleGuid = 0x1048
PtypMultipleBinary = 0x1102


class NamedProperty(NamedTuple):
    """A property known by a property set and a number (PidLid…) or a name (PidName…), [MS-OXCPRPT] 1.3.2."""

    guid: UUID
    id: int | str
    type: int


PropertyKey = int | NamedProperty


def property_type(key: PropertyKey) -> int:
    """The property type of a key: 0x001F for PidTagSubject."""
    return key & 0xFFFF if isinstance(key, int) else key.type


def property_id(tag: int) -> int:
    """The upper half of a tag: 0x0037 for PidTagSubject."""
    return tag >> 16


def tag(identifier: int, type_: int) -> int:
    """The tag of a property id and a type."""
    return identifier << 16 | type_


# Property sets, [MS-OXPROPS] 1.3.2
PS_MAPI = UUID("00020328-0000-0000-c000-000000000046")
PS_PUBLIC_STRINGS = UUID("00020329-0000-0000-c000-000000000046")
PS_INTERNET_HEADERS = UUID("00020386-0000-0000-c000-000000000046")
PSETID_Common = UUID("00062008-0000-0000-c000-000000000046")
PSETID_Address = UUID("00062004-0000-0000-c000-000000000046")
PSETID_Appointment = UUID("00062002-0000-0000-c000-000000000046")
PSETID_Meeting = UUID("6ed8da90-450b-101b-98da-00aa003f1305")
PSETID_Task = UUID("00062003-0000-0000-c000-000000000046")
PSETID_Log = UUID("0006200a-0000-0000-c000-000000000046")
PSETID_Note = UUID("0006200e-0000-0000-c000-000000000046")
PSETID_Sharing = UUID("00062040-0000-0000-c000-000000000046")
PSETID_PostRss = UUID("00062041-0000-0000-c000-000000000046")
PSETID_Attachment = UUID("96357f7f-59e1-47d0-99a7-46515c183b54")
PSETID_UnifiedMessaging = UUID("4442858e-a9e3-4e80-b900-317a210cc15b")
PSETID_CalendarAssistant = UUID("11000e07-b51b-40d6-af21-caa85edab1d0")
PSETID_Messaging = UUID("41f28f13-83f4-4114-a584-eedb5a6b0bff")

# The message
PidTagImportance = 0x00170003
PidTagMessageClass = 0x001A001F
PidTagOriginatorDeliveryReportRequested = 0x0023000B
PidTagPriority = 0x00260003
PidTagReadReceiptRequested = 0x0029000B
PidTagSensitivity = 0x00360003
PidTagSubject = 0x0037001F
PidTagClientSubmitTime = 0x00390040
PidTagSubjectPrefix = 0x003D001F
PidTagReportText = 0x1001001F
PidTagConversationTopic = 0x0070001F
PidTagConversationIndex = 0x00710102
PidTagConversationId = 0x30130102
PidTagConversationIndexTracking = 0x3016000B
PidTagTransportMessageHeaders = 0x007D001F
PidTagMessageDeliveryTime = 0x0E060040
PidTagMessageFlags = 0x0E070003
PidTagMessageSize = 0x0E080003
PidTagMessageSizeExtended = 0x0E080014
PidTagParentEntryId = 0x0E090102
PidTagHasAttachments = 0x0E1B000B
PidTagNormalizedSubject = 0x0E1D001F
PidTagRtfInSync = 0x0E1F000B
PidTagDisplayBcc = 0x0E02001F
PidTagDisplayCc = 0x0E03001F
PidTagDisplayTo = 0x0E04001F
PidTagReplyRecipientEntries = 0x004F0102
PidTagReplyRecipientNames = 0x0050001F
PidTagMessageStatus = 0x0E170003
PidTagInternetArticleNumber = 0x0E230003
PidTagTrustSender = 0x0E790003
PidTagRead = 0x0E69000B
PidTagBody = 0x1000001F
PidTagRtfCompressed = 0x10090102
PidTagHtml = 0x10130102
PidTagBodyHtml = 0x1013001F
PidTagNativeBody = 0x10160003
PidTagInternetMessageId = 0x1035001F
PidTagInternetReferences = 0x1039001F
PidTagInReplyToId = 0x1042001F
PidTagListHelp = 0x1043001F
PidTagListSubscribe = 0x1044001F
PidTagListUnsubscribe = 0x1045001F
PidTagIconIndex = 0x10800003
PidTagLastVerbExecuted = 0x10810003
PidTagLastVerbExecutionTime = 0x10820040
PidTagFlagStatus = 0x10900003
PidTagFlagCompleteTime = 0x10910040
PidTagFollowupIcon = 0x10950003
PidTagBlockStatus = 0x10960003
PidTagItemTemporaryflags = 0x10970003
PidTagAttributeHidden = 0x10F4000B
PidTagAttributeReadOnly = 0x10F6000B
PidTagInternetCodepage = 0x3FDE0003
PidTagMessageLocaleId = 0x3FF10003
PidTagCreatorName = 0x3FF8001F
PidTagCreatorEntryId = 0x3FF90102
PidTagLastModifierName = 0x3FFA001F
PidTagMessageCodepage = 0x3FFD0003
PidTagMessageEditorFormat = 0x59090003
PidTagReplyTime = 0x00300040
PidTagStartDate = 0x00600040
PidTagEndDate = 0x00610040
PidTagOwnerAppointmentId = 0x00620003
PidTagResponseRequested = 0x0063000B
PidTagProcessed = 0x7D01000B
PidTagToDoItemFlags = 0x0E2B0003
PidTagSwappedToDoData = 0x0E2D0102
PidTagContentFilterSpamConfidenceLevel = 0x40760003
PidTagSecureSubmitFlags = 0x65C60003
PidTagDeferredSendTime = 0x3FEF0040
PidTagExpiryTime = 0x00150040

# Sender, represented sender, received by
PidTagSentRepresentingEntryId = 0x00410102
PidTagSentRepresentingName = 0x0042001F
PidTagSentRepresentingSearchKey = 0x003B0102
PidTagSentRepresentingAddressType = 0x0064001F
PidTagSentRepresentingEmailAddress = 0x0065001F
PidTagSentRepresentingSmtpAddress = 0x5D02001F
PidTagSenderEntryId = 0x0C190102
PidTagSenderName = 0x0C1A001F
PidTagSenderSearchKey = 0x0C1D0102
PidTagSenderAddressType = 0x0C1E001F
PidTagSenderEmailAddress = 0x0C1F001F
PidTagSenderSmtpAddress = 0x5D01001F
PidTagReceivedByEntryId = 0x003F0102
PidTagReceivedByName = 0x0040001F
PidTagReceivedByAddressType = 0x0075001F
PidTagReceivedByEmailAddress = 0x0076001F
PidTagReceivedBySmtpAddress = 0x5D07001F
PidTagReceivedRepresentingName = 0x0044001F
PidTagReceivedRepresentingAddressType = 0x0077001F
PidTagReceivedRepresentingEmailAddress = 0x0078001F
PidTagReceivedRepresentingSmtpAddress = 0x5D08001F
PidTagOriginalSenderName = 0x005A001F

# Identity and change of an object, [MS-OXCPRPT] 2.2.1, [MS-OXCFXICS] 2.2.1.2
PidTagEntryId = 0x0FFF0102
PidTagInstanceKey = 0x0FF60102
PidTagObjectType = 0x0FFE0003
PidTagRecordKey = 0x0FF90102
PidTagSearchKey = 0x300B0102
PidTagAccess = 0x0FF40003
PidTagAccessLevel = 0x0FF70003
PidTagStoreEntryId = 0x0FFB0102
PidTagCreationTime = 0x30070040
PidTagLastModificationTime = 0x30080040
PidTagSourceKey = 0x65E00102
PidTagParentSourceKey = 0x65E10102
PidTagChangeKey = 0x65E20102
PidTagPredecessorChangeList = 0x65E30102
PidTagOriginalEntryId = 0x36F80102
PidTagMid = 0x674A0014
PidTagFolderId = 0x67480014
PidTagChangeNumber = 0x67A40014
PidTagAssociated = 0x67AA000B

# Rules kept as messages, [MS-OXORULE] 2.2.4.1, and what they may ask of a message
PidTagRuleMessageState = 0x65E90003
PidTagRuleMessageUserFlags = 0x65EA0003
PidTagRuleMessageProvider = 0x65EB001F
PidTagRuleMessageName = 0x65EC001F
PidTagRuleMessageLevel = 0x65ED0003
PidTagRuleMessageProviderData = 0x65EE0102
PidTagRuleMessageSequence = 0x65F30003
PidTagExtendedRuleMessageActions = 0x0E990102
PidTagExtendedRuleMessageCondition = 0x0E9A0102
PidTagRwRulesStream = 0x68020102
PidTagMessageToMe = 0x0057000B
PidTagMessageCcMe = 0x0058000B
PidTagMessageRecipientMe = 0x0059000B
PidTagAutoForwarded = 0x0005000B
PidTagDelegatedByRule = 0x3FE3000B

# Configuration data, [MS-OXOCFG] 2.2.2
PidTagRoamingDatatypes = 0x7C060003
PidTagRoamingDictionary = 0x7C070102
PidTagRoamingXmlStream = 0x7C080102
PidTagRoamingBinary = 0x7C090102

# Delegates, [MS-OXODLGT] 2.2.2.2
PidTagScheduleInfoDelegatorWantsCopy = 0x6842000B
PidTagScheduleInfoDontMailDelegates = 0x6843000B
PidTagScheduleInfoDelegateNames = 0x6844101F
PidTagScheduleInfoDelegateEntryIds = 0x68451102
PidTagScheduleInfoDelegatorWantsInfo = 0x684B000B
PidTagDelegateFlags = 0x686B1003
PidTagFreeBusyEntryIds = 0x36E41102

# Folders
PidTagDisplayName = 0x3001001F
PidTagComment = 0x3004001F
PidTagContainerClass = 0x3613001F
PidTagContentCount = 0x36020003
PidTagContentUnreadCount = 0x36030003
PidTagLocalCommitTimeMax = 0x670A0040
PidTagDeletedOn = 0x668F0040
PidTagDeletedCountTotal = 0x670B0003
PidTagAssociatedContentCount = 0x36170003
PidTagSubfolders = 0x360A000B
PidTagFolderType = 0x36010003
PidTagDefaultViewEntryId = 0x36160102
PidTagFolderChildCount = 0x66380003
PidTagRetentionPeriod = 0x301A0003
PidTagPolicyTag = 0x30190102
PidTagArchiveTag = 0x30180102
PidTagReplicaList = 0x66980102

# Recipients, [MS-OXOABK], [MS-OXOMSG]
PidTagRecipientType = 0x0C150003
PidTagResponsibility = 0x0E0F000B
PidTagRowid = 0x30000003
PidTagAddressType = 0x3002001F
PidTagEmailAddress = 0x3003001F
PidTagSmtpAddress = 0x39FE001F
PidTagDisplayType = 0x39000003
PidTagDisplayTypeEx = 0x39050003
PidTag7BitDisplayName = 0x39FF001F
PidTagSendRichInfo = 0x3A40000B
PidTagRecipientDisplayName = 0x5FF6001F
PidTagRecipientEntryId = 0x5FF70102
PidTagRecipientFlags = 0x5FFD0003
PidTagRecipientTrackStatus = 0x5FFF0003
PidTagRecipientTrackStatusTime = 0x5FFB0040
PidTagRecipientOrder = 0x5FDF0003
PidTagRecipientProposed = 0x5FE1000B
PidTagRecipientProposedStartTime = 0x5FE30040
PidTagRecipientProposedEndTime = 0x5FE40040
PidTagTransmittableDisplayName = 0x3A20001F

# Attachments, [MS-OXCMSG] 2.2.2
PidTagAttachSize = 0x0E200003
PidTagAttachNumber = 0x0E210003
PidTagAttachDataBinary = 0x37010102
PidTagAttachDataObject = 0x3701000D
PidTagAttachEncoding = 0x37020102
PidTagAttachExtension = 0x3703001F
PidTagAttachFilename = 0x3704001F
PidTagAttachMethod = 0x37050003
PidTagAttachLongFilename = 0x3707001F
PidTagAttachPathname = 0x3708001F
PidTagAttachRendering = 0x37090102
PidTagRenderingPosition = 0x370B0003
PidTagAttachLongPathname = 0x370D001F
PidTagAttachMimeTag = 0x370E001F
PidTagAttachContentId = 0x3712001F
PidTagAttachContentLocation = 0x3713001F
PidTagAttachFlags = 0x37140003
PidTagAttachContentDisposition = 0x3716001F
PidTagAttachmentLinkId = 0x7FFA0003
PidTagExceptionStartTime = 0x7FFB0040
PidTagExceptionEndTime = 0x7FFC0040
PidTagAttachmentFlags = 0x7FFD0003
PidTagAttachmentHidden = 0x7FFE000B
PidTagAttachmentContactPhoto = 0x7FFF000B

# Contacts, [MS-OXOCNTC]
PidTagGeneration = 0x3A05001F
PidTagGivenName = 0x3A06001F
PidTagBusinessTelephoneNumber = 0x3A08001F
PidTagHomeTelephoneNumber = 0x3A09001F
PidTagInitials = 0x3A0A001F
PidTagSurname = 0x3A11001F
PidTagPostalAddress = 0x3A15001F
PidTagCompanyName = 0x3A16001F
PidTagTitle = 0x3A17001F
PidTagDepartmentName = 0x3A18001F
PidTagOfficeLocation = 0x3A19001F
PidTagPrimaryTelephoneNumber = 0x3A1A001F
PidTagBusiness2TelephoneNumber = 0x3A1B001F
PidTagMobileTelephoneNumber = 0x3A1C001F
PidTagBusinessFaxNumber = 0x3A24001F
PidTagHomeFaxNumber = 0x3A25001F
PidTagCountry = 0x3A26001F
PidTagLocality = 0x3A27001F
PidTagStateOrProvince = 0x3A28001F
PidTagStreetAddress = 0x3A29001F
PidTagPostalCode = 0x3A2A001F
PidTagPostOfficeBox = 0x3A2B001F
PidTagAssistant = 0x3A30001F
PidTagBirthday = 0x3A420040
PidTagWeddingAnniversary = 0x3A410040
PidTagMiddleName = 0x3A44001F
PidTagDisplayNamePrefix = 0x3A45001F
PidTagProfession = 0x3A46001F
PidTagSpouseName = 0x3A48001F
PidTagManagerName = 0x3A4E001F
PidTagNickname = 0x3A4F001F
PidTagPersonalHomePage = 0x3A50001F
PidTagBusinessHomePage = 0x3A51001F
PidTagHomeAddressCity = 0x3A59001F
PidTagHomeAddressCountry = 0x3A5A001F
PidTagHomeAddressPostalCode = 0x3A5B001F
PidTagHomeAddressStateOrProvince = 0x3A5C001F
PidTagHomeAddressStreet = 0x3A5D001F

PidLidFileUnder = NamedProperty(PSETID_Address, 0x8005, PtypString)
PidLidHasPicture = NamedProperty(PSETID_Address, 0x8015, PtypBoolean)
PidLidWorkAddress = NamedProperty(PSETID_Address, 0x801B, PtypString)
PidLidHomeAddress = NamedProperty(PSETID_Address, 0x801A, PtypString)
PidLidWorkAddressStreet = NamedProperty(PSETID_Address, 0x8045, PtypString)
PidLidWorkAddressCity = NamedProperty(PSETID_Address, 0x8046, PtypString)
PidLidWorkAddressState = NamedProperty(PSETID_Address, 0x8047, PtypString)
PidLidWorkAddressPostalCode = NamedProperty(PSETID_Address, 0x8048, PtypString)
PidLidWorkAddressCountry = NamedProperty(PSETID_Address, 0x8049, PtypString)
PidLidPostalAddressId = NamedProperty(PSETID_Address, 0x8022, PtypInteger32)
PidLidInstantMessagingAddress = NamedProperty(PSETID_Address, 0x8062, PtypString)
PidLidEmail1DisplayName = NamedProperty(PSETID_Address, 0x8080, PtypString)
PidLidEmail1AddressType = NamedProperty(PSETID_Address, 0x8082, PtypString)
PidLidDistributionListName = NamedProperty(PSETID_Address, 0x8053, PtypString)
PidLidDistributionListOneOffMembers = NamedProperty(PSETID_Address, 0x8054, PtypMultipleBinary)
PidLidDistributionListMembers = NamedProperty(PSETID_Address, 0x8055, PtypMultipleBinary)
PidLidEmail1EmailAddress = NamedProperty(PSETID_Address, 0x8083, PtypString)
PidLidEmail1OriginalDisplayName = NamedProperty(PSETID_Address, 0x8084, PtypString)
PidLidEmail1OriginalEntryId = NamedProperty(PSETID_Address, 0x8085, PtypBinary)
PidLidEmail2DisplayName = NamedProperty(PSETID_Address, 0x8090, PtypString)
PidLidEmail2AddressType = NamedProperty(PSETID_Address, 0x8092, PtypString)
PidLidEmail2EmailAddress = NamedProperty(PSETID_Address, 0x8093, PtypString)
PidLidEmail2OriginalDisplayName = NamedProperty(PSETID_Address, 0x8094, PtypString)
PidLidEmail3DisplayName = NamedProperty(PSETID_Address, 0x80A0, PtypString)
PidLidEmail3AddressType = NamedProperty(PSETID_Address, 0x80A2, PtypString)
PidLidEmail3EmailAddress = NamedProperty(PSETID_Address, 0x80A3, PtypString)
PidLidEmail3OriginalDisplayName = NamedProperty(PSETID_Address, 0x80A4, PtypString)

# Appointments and meetings, [MS-OXOCAL]
PidLidAppointmentSequence = NamedProperty(PSETID_Appointment, 0x8201, PtypInteger32)
PidLidBusyStatus = NamedProperty(PSETID_Appointment, 0x8205, PtypInteger32)
PidLidLocation = NamedProperty(PSETID_Appointment, 0x8208, PtypString)
PidLidAppointmentStartWhole = NamedProperty(PSETID_Appointment, 0x820D, PtypTime)
PidLidAppointmentEndWhole = NamedProperty(PSETID_Appointment, 0x820E, PtypTime)
PidLidAppointmentDuration = NamedProperty(PSETID_Appointment, 0x8213, PtypInteger32)
PidLidAppointmentColor = NamedProperty(PSETID_Appointment, 0x8214, PtypInteger32)
PidLidAppointmentSubType = NamedProperty(PSETID_Appointment, 0x8215, PtypBoolean)
PidLidAppointmentRecur = NamedProperty(PSETID_Appointment, 0x8216, PtypBinary)
PidLidAppointmentStateFlags = NamedProperty(PSETID_Appointment, 0x8217, PtypInteger32)
PidLidResponseStatus = NamedProperty(PSETID_Appointment, 0x8218, PtypInteger32)
PidLidAppointmentReplyTime = NamedProperty(PSETID_Appointment, 0x8220, PtypTime)
PidLidRecurring = NamedProperty(PSETID_Appointment, 0x8223, PtypBoolean)
PidLidIntendedBusyStatus = NamedProperty(PSETID_Appointment, 0x8224, PtypInteger32)
PidLidExceptionReplaceTime = NamedProperty(PSETID_Appointment, 0x8228, PtypTime)
PidLidFInvited = NamedProperty(PSETID_Appointment, 0x8229, PtypBoolean)
PidLidAppointmentReplyName = NamedProperty(PSETID_Appointment, 0x8230, PtypString)
PidLidRecurrenceType = NamedProperty(PSETID_Appointment, 0x8231, PtypInteger32)
PidLidRecurrencePattern = NamedProperty(PSETID_Appointment, 0x8232, PtypString)
PidLidTimeZoneStruct = NamedProperty(PSETID_Appointment, 0x8233, PtypBinary)
PidLidTimeZoneDescription = NamedProperty(PSETID_Appointment, 0x8234, PtypString)
PidLidClipStart = NamedProperty(PSETID_Appointment, 0x8235, PtypTime)
PidLidClipEnd = NamedProperty(PSETID_Appointment, 0x8236, PtypTime)
PidLidAllAttendeesString = NamedProperty(PSETID_Appointment, 0x8238, PtypString)
PidLidToAttendeesString = NamedProperty(PSETID_Appointment, 0x823B, PtypString)
PidLidCcAttendeesString = NamedProperty(PSETID_Appointment, 0x823C, PtypString)
PidLidAppointmentProposedStartWhole = NamedProperty(PSETID_Appointment, 0x8250, PtypTime)
PidLidAppointmentProposedEndWhole = NamedProperty(PSETID_Appointment, 0x8251, PtypTime)
PidLidAppointmentCounterProposal = NamedProperty(PSETID_Appointment, 0x8257, PtypBoolean)
PidLidAppointmentNotAllowPropose = NamedProperty(PSETID_Appointment, 0x825A, PtypBoolean)
PidLidAppointmentTimeZoneDefinitionStartDisplay = NamedProperty(PSETID_Appointment, 0x825E, PtypBinary)
PidLidAppointmentTimeZoneDefinitionEndDisplay = NamedProperty(PSETID_Appointment, 0x825F, PtypBinary)
PidLidAppointmentTimeZoneDefinitionRecur = NamedProperty(PSETID_Appointment, 0x8260, PtypBinary)
PidLidAttendeeCriticalChange = NamedProperty(PSETID_Meeting, 0x0001, PtypTime)
PidLidWhere = NamedProperty(PSETID_Meeting, 0x0002, PtypString)
PidLidGlobalObjectId = NamedProperty(PSETID_Meeting, 0x0003, PtypBinary)
PidLidIsSilent = NamedProperty(PSETID_Meeting, 0x0004, PtypBoolean)
PidLidIsRecurring = NamedProperty(PSETID_Meeting, 0x0005, PtypBoolean)
PidLidIsException = NamedProperty(PSETID_Meeting, 0x000A, PtypBoolean)
PidLidOwnerCriticalChange = NamedProperty(PSETID_Meeting, 0x001A, PtypTime)
PidLidCleanGlobalObjectId = NamedProperty(PSETID_Meeting, 0x0023, PtypBinary)
PidLidMeetingType = NamedProperty(PSETID_Meeting, 0x0026, PtypInteger32)

# Tasks, [MS-OXOTASK]
PidLidTaskStatus = NamedProperty(PSETID_Task, 0x8101, PtypInteger32)
PidLidPercentComplete = NamedProperty(PSETID_Task, 0x8102, PtypFloating64)
PidLidTeamTask = NamedProperty(PSETID_Task, 0x8103, PtypBoolean)
PidLidTaskStartDate = NamedProperty(PSETID_Task, 0x8104, PtypTime)
PidLidTaskDueDate = NamedProperty(PSETID_Task, 0x8105, PtypTime)
PidLidTaskDateCompleted = NamedProperty(PSETID_Task, 0x810F, PtypTime)
PidLidTaskActualEffort = NamedProperty(PSETID_Task, 0x8110, PtypInteger32)
PidLidTaskEstimatedEffort = NamedProperty(PSETID_Task, 0x8111, PtypInteger32)
PidLidTaskVersion = NamedProperty(PSETID_Task, 0x8112, PtypInteger32)
PidLidTaskState = NamedProperty(PSETID_Task, 0x8113, PtypInteger32)
PidLidTaskRecurrence = NamedProperty(PSETID_Task, 0x8116, PtypBinary)
PidLidTaskComplete = NamedProperty(PSETID_Task, 0x811C, PtypBoolean)
PidLidTaskOwner = NamedProperty(PSETID_Task, 0x811F, PtypString)
PidLidTaskFRecurring = NamedProperty(PSETID_Task, 0x8126, PtypBoolean)
PidLidTaskOwnership = NamedProperty(PSETID_Task, 0x8129, PtypInteger32)

# Common to several kinds of item
PidLidReminderDelta = NamedProperty(PSETID_Common, 0x8501, PtypInteger32)
PidLidReminderTime = NamedProperty(PSETID_Common, 0x8502, PtypTime)
PidLidReminderSet = NamedProperty(PSETID_Common, 0x8503, PtypBoolean)
PidLidPrivate = NamedProperty(PSETID_Common, 0x8506, PtypBoolean)
PidLidSideEffects = NamedProperty(PSETID_Common, 0x8510, PtypInteger32)
PidLidCommonStart = NamedProperty(PSETID_Common, 0x8516, PtypTime)
PidLidCommonEnd = NamedProperty(PSETID_Common, 0x8517, PtypTime)
PidLidSmartNoAttach = NamedProperty(PSETID_Common, 0x8514, PtypBoolean)
PidLidTaskMode = NamedProperty(PSETID_Common, 0x8518, PtypInteger32)
PidLidFlagRequest = NamedProperty(PSETID_Common, 0x8530, PtypString)
PidLidMileage = NamedProperty(PSETID_Common, 0x8534, PtypString)
PidLidBilling = NamedProperty(PSETID_Common, 0x8535, PtypString)
PidLidCompanies = NamedProperty(PSETID_Common, 0x8539, PtypMultipleString)
PidLidContacts = NamedProperty(PSETID_Common, 0x853A, PtypMultipleString)
PidLidReminderSignalTime = NamedProperty(PSETID_Common, 0x8560, PtypTime)
PidLidToDoTitle = NamedProperty(PSETID_Common, 0x85A4, PtypString)
PidNameKeywords = NamedProperty(PS_PUBLIC_STRINGS, "Keywords", PtypMultipleString)
PidNameContentClass = NamedProperty(PS_INTERNET_HEADERS, "content-class", PtypString)
PidNameAcceptLanguage = NamedProperty(PS_INTERNET_HEADERS, "acceptlanguage", PtypString)

# Files that lie elsewhere, [MS-OXCMSG] 2.2.2
PidNameAttachmentProviderType = NamedProperty(PSETID_Attachment, "AttachmentProviderType", PtypString)
PidNameAttachmentProviderEndpointUrl = NamedProperty(PSETID_Attachment, "AttachmentProviderEndpointUrl", PtypString)
PidNameAttachmentThumbnailUrl = NamedProperty(PSETID_Attachment, "AttachmentThumbnailUrl", PtypString)
PidNameAttachmentPreviewUrl = NamedProperty(PSETID_Attachment, "AttachmentPreviewUrl", PtypString)
PidNameAttachmentPermissionType = NamedProperty(PSETID_Attachment, "AttachmentPermissionType", PtypInteger32)
PidNameAttachmentIsFolder = NamedProperty(PSETID_Attachment, "AttachmentIsFolder", PtypBoolean)

# Sticky notes, [MS-OXONOTE], and journal entries, [MS-OXOJRNL]
PidLidNoteColor = NamedProperty(PSETID_Note, 0x8B00, PtypInteger32)
PidLidNoteWidth = NamedProperty(PSETID_Note, 0x8B02, PtypInteger32)
PidLidNoteHeight = NamedProperty(PSETID_Note, 0x8B03, PtypInteger32)
PidLidNoteX = NamedProperty(PSETID_Note, 0x8B04, PtypInteger32)
PidLidNoteY = NamedProperty(PSETID_Note, 0x8B05, PtypInteger32)
PidLidLogType = NamedProperty(PSETID_Log, 0x8700, PtypString)
PidLidLogStart = NamedProperty(PSETID_Log, 0x8706, PtypTime)
PidLidLogDuration = NamedProperty(PSETID_Log, 0x8707, PtypInteger32)
PidLidLogEnd = NamedProperty(PSETID_Log, 0x8708, PtypTime)

# Values of some properties
MSGFLAG_READ = 0x0001  # PidTagMessageFlags, [MS-OXCMSG] 2.2.1.6
MSGFLAG_UNMODIFIED = 0x0002
MSGFLAG_SUBMIT = 0x0004
MSGFLAG_UNSENT = 0x0008
MSGFLAG_HASATTACH = 0x0010
MSGFLAG_FROMME = 0x0020
MSGFLAG_ASSOCIATED = 0x0040
RECIPIENT_ORIGINATOR = 0  # PidTagRecipientType, [MS-OXOMSG] 2.2.3.1
RECIPIENT_TO = 1
RECIPIENT_CC = 2
RECIPIENT_BCC = 3
ATTACH_BY_VALUE = 1  # PidTagAttachMethod, [MS-OXCMSG] 2.2.2.9
ATTACH_BY_REFERENCE = 4
ATTACH_EMBEDDED = 5
ATTACH_OLE = 6
ATTACH_BY_WEB_REFERENCE = 7
ATTACH_MHTML_REFERENCE = 0x0004  # PidTagAttachFlags: the HTML body shows this attachment
