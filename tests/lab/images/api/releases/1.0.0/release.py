"""What this release is, and which version of the database schema its code needs."""

VERSION = "1.0.0"
SCHEMA = 1
