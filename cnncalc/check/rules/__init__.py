"""The lint rules, one file a subject: ``windows``, ``fields``, ``weights``, ``wiring``, ``names``, ``text``.

A rule is an entry of its file's ``RULES``: what it finds, why that matters, and two specs, one that it finds and one
that it does not; the tests run both.
"""
