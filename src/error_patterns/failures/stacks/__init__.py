"""Parsers of stack traces, one module for each family of formats."""
