"""The second opinion: formulas and test keys written from the specification, computed by the `openssl` program.

No code of this project is used here, so what agrees with it is right twice.
"""
