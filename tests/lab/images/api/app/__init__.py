"""The orders API of the lab: small, but with what breaks in real ones (database, migrations, disk, configuration)."""
