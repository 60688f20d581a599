"""The Railway part of the lab: a double of Railway's API that runs real containers; see README.md beside this file."""
