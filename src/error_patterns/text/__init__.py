"""Text as words, and text that is safe to store and to display."""
