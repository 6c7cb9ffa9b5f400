"""Checks specs against published figures, budgets and lint rules; compares two versions of specs.

``session`` reads specs and collects a :class:`~cnncalc.check.model.Checked` of each; ``claims``, ``budgets`` and
``lint`` judge one ``subject`` each in their own way, ``rules`` holds the lint rules by what they look at. ``config``
reads the configuration, ``toml`` gives its places. ``diff`` compares two versions, ``difftable`` shows what differs,
``git`` fetches an old one. ``published`` is the question behind a claim that fails: who counts like that? It reads
other specs, so no room below this one can hold it. One file per CI output (``github``, ``junit``, ``sarif``,
``markdown``, ``payload``), in the words of ``wording``. Nothing here prints, and nothing writes a file but the
temporary copies of ``git``.
"""
