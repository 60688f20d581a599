"""What this release is, and which version of the database schema its code needs."""

VERSION = "1.2.2-bad"
SCHEMA = 2
