"""MAPI as Exchange keeps it: property tags, property bags, the FastTransfer stream, MIME turned into bags and back."""
