"""Stack traces of six languages as what they have in common."""
