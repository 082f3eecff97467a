"""Steps that drop a record."""
