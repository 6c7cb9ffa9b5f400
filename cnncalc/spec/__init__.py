"""Text to Graph: bytes (``reader``), expressions, compiled layers (``compile``), the document, its expansion; and back.

``reader`` alone imports yaml and holds every limit on what is read; ``zoo`` alone opens files. Nothing here counts:
``analysis`` makes the figures, and never sees a spec.
"""
