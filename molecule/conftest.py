"""Being here lets the scenarios' tests import what they share from this directory."""
