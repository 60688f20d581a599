"""What can be broken in the lab: ``model`` says what a fault is, ``registry`` lists all of them."""
