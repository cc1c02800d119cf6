"""Engines, transactions, and what drivers of databases do in ways of their own."""

from error_patterns.database.engines import create_engine

__all__ = ["create_engine"]
