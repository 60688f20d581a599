"""The AWS part of the lab: a double of Amazon ECS that runs real containers; see README.md beside this file."""
