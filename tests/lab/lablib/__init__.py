"""The lab: a small real service stack on Docker, in which every fault of the runbooks can be made and healed.

Read in this order: ``settings`` (names, ports, paths), ``engine`` and ``compose_plugin`` (what the machine needs),
``images``, ``state_files``, ``stack`` (up, reset, down), ``faults`` (what can be broken). Only the standard library is
used, so that the lab starts before any virtual environment exists.
"""
