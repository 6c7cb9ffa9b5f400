"""Judges specs: published figures, budgets and lint rules, to findings; two versions to their differences.

``session`` reads specs and collects a :class:`~cnncalc.check.model.Checked` of each; ``claims``, ``budgets`` and
``lint`` judge one network each in their own way. One file per CI output (``github``, ``junit``, ``sarif``,
``markdown``). Nothing here prints, and nothing writes a file.
"""
