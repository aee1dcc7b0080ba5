"""What the tests of faults share: a server that can be killed and frozen, a proxy, sessions as users start them."""
