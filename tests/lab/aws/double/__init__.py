"""The double itself: ministack, with Amazon ECS replaced by a scheduler of our own. Start it with ``-m aws.double``."""
