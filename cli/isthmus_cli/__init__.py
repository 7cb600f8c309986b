"""The isthmus command and the local runner behind isthmus up."""
