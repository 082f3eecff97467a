"""Steps that change a record."""
