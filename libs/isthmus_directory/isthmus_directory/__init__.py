"""Active Directory over LDAP: changes, reads and writes."""
