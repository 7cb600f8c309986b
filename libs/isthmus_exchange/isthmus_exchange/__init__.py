"""Exchange over EWS: an asyncio client for the per-item path, exchangelib for the control side."""
