"""The zoo itself: its networks against figures measured and published elsewhere."""
