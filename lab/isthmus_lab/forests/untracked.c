/* Preloaded into Samba so that talloc keeps no list of the memory that nobody owns, which serves leak reports only.
   Samba 4.17 forgets a string there with every account that it makes, and walks the list, the schema being at its end,
   whenever it looks at the schema, hundreds of times a write: after 10,000 accounts a write takes ten times as long. */
void talloc_enable_null_tracking(void) {}
