"""Every operation once, on a plain `sqlalchemy.orm.Session`. They flush; they never commit, roll back or close."""
