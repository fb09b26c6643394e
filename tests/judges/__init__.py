"""Foreign judges: programs of the tests that use no code of this project."""
